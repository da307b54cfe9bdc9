"""Transforms in SQL and Polars, chained views and shaped sources, through both engines and the online store."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.definitions.fingerprint import data_hash
from featurestore.errors import DefinitionError, RequestError, TransformError
from tests.transforms import leaking
from tests.transforms.conftest import HOUR, NOON, PLANE, TABLE, asked, values


def test_sql(store: fs.FeatureStore, make_source: Any) -> None:
    number = "a::double" if make_source.text else "a"
    sql = f"select tailnum, {number} - coalesce(b::double, 10) as m from {{source}} where {number} <> 2"
    view = fs.FeatureView(
        "v", entities=[PLANE], source=make_source(), features=[fs.Feature("m", fs.Float64)], sql=sql
    )
    assert values(store, view) == [0.0, 0.0, 0.0, -7.0, -7.0, 2.0, None, None, None]


def test_columns_that_sql_leaves_alone_keep_their_types(store: fs.FeatureStore, make_source: Any) -> None:
    features = [fs.Feature("b", fs.Int64), fs.Feature("m", fs.Float64, column="a")]
    view = fs.FeatureView(
        "v", entities=[PLANE], source=make_source(), features=features, sql="select *, 1 as one from {source}"
    )
    assert values(store, view, "b") == [1, 1, 1, None, None, 2, None, None, None]


def test_where_mapping_and_computed(store: fs.FeatureStore, make_source: Any) -> None:
    number = "a::double" if make_source.text else "a"
    source = make_source(where=f"{number} <> 4", computed={"m": f"{number} * 10", "twice": "m * 2"})
    features = [fs.Feature("m", fs.Float64), fs.Feature("twice", fs.Float64)]
    view = fs.FeatureView("v", entities=[PLANE], source=source, features=features)
    assert values(store, view) == [10.0, 20.0, 20.0, 30.0, 30.0, 30.0, None, None, None]


def test_a_join_key_and_a_time_can_be_computed(store: fs.FeatureStore, make_source: Any) -> None:
    if make_source.text:
        pytest.skip("the time column of a CSV file is text to SQL, which the next test reads")
    source = make_source(computed={"key": "lower(tailnum)"})
    entity = fs.Entity("e", join_keys={"key": fs.String})
    number = fs.Feature("b", fs.Int64)
    view = fs.FeatureView("v", entities=[entity], source=source, features=[number])
    rows = [
        {"key": "b", "event_timestamp": NOON + 2 * HOUR},
        {"key": "B", "event_timestamp": NOON + 2 * HOUR},
    ]
    assert store.get_historical_features(rows, [view]).to_arrow().column("b").to_pylist() == [2, None]


def test_a_time_that_is_computed_from_text(store: fs.FeatureStore, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("k,day,x\n1,01.05.2024,5\n1,02.05.2024,6\n")
    source = fs.CSVSource(
        "x", path=str(tmp_path / "x.csv"), event_timestamp="at", computed={"at": "strptime(day, '%d.%m.%Y')"},
    )  # fmt: skip
    entity = fs.Entity("e", join_keys={"k": fs.Int64})
    view = fs.FeatureView("v", entities=[entity], source=source, features=[fs.Feature("x", fs.Int64)])
    rows = [
        {"k": 1, "event_timestamp": datetime(2024, 5, day, tzinfo=UTC) - timedelta(microseconds=1)}
        for day in (1, 2, 3)
    ]
    assert store.get_historical_features(rows, [view]).to_arrow().column("x").to_pylist() == [None, 5, 6]


def test_unnest_makes_rows_of_a_list(store: fs.FeatureStore, make_source: Any) -> None:
    if make_source.text:
        pytest.skip("CSV files hold no lists")
    view = fs.FeatureView(
        "v",
        entities=[PLANE],
        source=make_source(unnest="l"),
        features=[fs.Feature("m", fs.Int64, column="l")],
    )
    # Ties are broken by the greatest value: all items of a row have its times.
    assert values(store, view) == [2, 3, 3, None, None, None, None, None, None]


def test_views_over_views(store: fs.FeatureStore, make_source: Any) -> None:
    number = "a::double" if make_source.text else "a"
    below = fs.FeatureView(
        "below", entities=[PLANE], source=make_source(), ttl=timedelta(minutes=1),
        features=[fs.Feature("x", fs.Float64, column="y"), fs.Feature("b", fs.Int64)],
        sql=f"select tailnum, {number} + 1 as y, b from {{source}}",
    )  # fmt: skip
    above = fs.FeatureView(
        "above", entities=[PLANE], source=below, features=[fs.Feature("m", fs.Float64)],
        sql="select tailnum, x * 100 + b as m from {source} where b is not null",
    )  # fmt: skip
    assert above.origin is below.source
    # All rows of the view below count, not its latest values, and its ttl is its own.
    assert values(store, above) == [201.0, 301.0, 301.0, None, None, 502.0, None, None, None]
    plain = fs.FeatureView(
        "plain", entities=[PLANE], source=below, features=[fs.Feature("m", fs.Float64, column="x")]
    )
    assert values(store, plain) == [2.0, 3.0, 3.0, 4.0, 4.0, 5.0, None, None, None]


def test_explain_says_what_happens_to_the_rows(store: fs.FeatureStore, make_source: Any) -> None:
    number = "a::double" if make_source.text else "a"
    below = fs.FeatureView(
        "below",
        entities=[PLANE],
        source=make_source(where=f"{number} < 9"),
        features=[fs.Feature("b", fs.Int64)],
    )
    view = fs.FeatureView(
        "v",
        entities=[PLANE],
        source=below,
        features=[fs.Feature("m", fs.Int64)],
        sql="select tailnum, b as m from {source}",
    )
    text = store.get_historical_features(asked(), [view]).explain()
    steps = [
        "columns renamed and rows filtered by the source",
        "read as the rows of a view",
        "SQL, row by row",
    ]
    assert [
        line.strip().removeprefix("then ") for line in text.splitlines() if line.startswith("    then ")
    ] == steps


@pytest.mark.parametrize("transform", [leaking.doubled, leaking.running_mean], ids=lambda t: t.path)
def test_polars(store: fs.FeatureStore, transform: fs.Transform) -> None:
    rows = TABLE.rename_columns(["k", "at", "n", "x", "b", "l"]).drop_columns(["l"])
    source = fs.InMemorySource("s", data=rows, event_timestamp="at")
    entity = fs.Entity("e", join_keys={"k": fs.String})
    view = fs.FeatureView(
        "v", entities=[entity], source=source, features=[fs.Feature("x", fs.Float64)], transform=transform
    )
    frame = [{"k": "B", "event_timestamp": NOON + i * HOUR} for i in range(3)]
    found = store.get_historical_features(frame, [view]).to_arrow().column("x").to_pylist()
    assert found == ([6.0, 6.0, 8.0] if transform is leaking.doubled else [3.0, 3.0, 3.5])


def test_trusted_sql_sees_all_rows(store: fs.FeatureStore, make_source: Any) -> None:
    number = "a::double" if make_source.text else "a"
    view = fs.FeatureView(
        "v", entities=[PLANE], source=make_source(), features=[fs.Feature("m", fs.Float64)], trusted=True,
        sql=f'select tailnum, "at", made, max({number}) over (partition by tailnum) as m from {{source}}',
    )  # fmt: skip
    assert values(store, view) == [2.0, 2.0, 2.0, 4.0, 4.0, 4.0, None, None, None]


# ------------------------------------------------------------------------------------------ pushes and updates


def test_pushed_rows_go_the_same_way(store: fs.FeatureStore, make_source: Any) -> None:
    if make_source.text:
        pytest.skip("pushed rows have types, the fields of a CSV file have none")
    view = fs.FeatureView(
        "v", entities=[PLANE], source=make_source(where="a < 100"), features=[fs.Feature("m", fs.Float64)],
        sql="select tailnum, a * 10 as m from {source}",
    )  # fmt: skip
    store.apply([view])
    store.materialize(end=NOON)
    rows = [{"TAIL": "A", "at": NOON + HOUR, "a": 7.0}, {"TAIL": "B", "at": NOON + HOUR, "a": 700.0}]
    store.push("v", rows)
    answer = store.get_online_features("v", [{"tailnum": "A"}, {"tailnum": "B"}], now=NOON + HOUR)
    assert answer.to_dict()["m"] == [70.0, 30.0]
    trusted = fs.FeatureView("w", entities=[PLANE], source=make_source(), features=[fs.Feature("m", fs.Float64)],
                             sql='select tailnum, "at", made, a as m from {source}', trusted=True)  # fmt: skip
    store.apply([trusted])
    store.materialize(end=NOON, views=["w"])
    with pytest.raises(RequestError, match="its transform looks at other rows too"):
        store.push("w", rows)


def test_a_change_below_makes_new_versions_above(store: fs.FeatureStore, make_source: Any) -> None:
    below = fs.FeatureView(
        "below", entities=[PLANE], source=make_source(), features=[fs.Feature("b", fs.Int64)]
    )
    above = fs.FeatureView("above", entities=[PLANE], source=below, features=[fs.Feature("b", fs.Int64)])
    store.apply([above])
    assert [planned.change.name for planned in store.plan([above]).changes] == []
    changed = fs.FeatureView(
        "below", entities=[PLANE], source=make_source(where="b > 1"), features=below.features
    )
    assert {planned.change.name for planned in store.plan([changed]).changes} == {"s", "below", "above"}
    with pytest.raises(DefinitionError, match="'below' cannot be retired: view 'above' uses it"):
        store.retire(["below"])


# ------------------------------------------------------------------------------------------------ definitions


def test_definitions_with_transforms_survive_the_registry(store: fs.FeatureStore, make_source: Any) -> None:
    below = fs.FeatureView("below", entities=[PLANE], source=make_source(), features=[fs.Feature("b", fs.Int64)],
                           sql="select tailnum, b from {source}")  # fmt: skip
    entity = fs.Entity("e", join_keys={"k": fs.String})
    for view in (below, fs.FeatureView("above", entities=[PLANE], source=below, features=below.features)):
        again = fs.FeatureView.from_json(view.to_json())
        assert again.to_json() == view.to_json()
        assert data_hash(again) == data_hash(view)
    source = fs.InMemorySource("m", data=TABLE, event_timestamp="at")
    view = fs.FeatureView(
        "v",
        entities=[entity],
        source=source,
        features=[fs.Feature("x", fs.Float64)],
        transform=leaking.doubled,
    )
    again = fs.FeatureView.from_json(view.to_json())
    assert again.transform is not None
    assert again.transform.function is leaking.doubled.function
    assert again.transform.captured["FACTOR"] == "2.0"


def test_data_hashes_know_the_transform_and_what_it_captures(monkeypatch: pytest.MonkeyPatch) -> None:
    def digest() -> str:
        return fs.transform(leaking.doubled.function).digest

    before = digest()
    assert digest() == before
    monkeypatch.setattr(leaking, "FACTOR", 3.0)
    assert digest() != before


def test_code_that_changed_or_is_gone_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    code = "import featurestore as fs\n@fs.transform\ndef f(rows):\n    return rows\n"
    (tmp_path / "some_transforms.py").write_text(code)
    import some_transforms  # type: ignore[import-not-found]

    stored = fs.Transform.from_json(some_transforms.f.to_json())
    assert stored.function is some_transforms.f.function
    for text, problem in (
        (code.replace("rows\n", "rows.head(1)\n"), "is not the code"),
        ("", "cannot be imported"),
    ):
        monkeypatch.delitem(sys.modules, "some_transforms")
        (tmp_path / "some_transforms.py").write_text(text)
        for cached in (tmp_path / "__pycache__").glob("*"):
            cached.unlink()
        with pytest.raises(TransformError, match=problem):
            _ = fs.Transform.from_json(some_transforms.f.to_json()).function
        __import__("some_transforms")


def test_what_cannot_be_recorded_is_refused() -> None:
    frame = pl.DataFrame({"a": [1]})

    def joined(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.join(frame.lazy(), on="a")

    with pytest.raises(DefinitionError, match="captures 'frame', a DataFrame, which cannot be recorded"):
        fs.transform(joined)
    with pytest.raises(DefinitionError, match="needs a function with a name"):
        fs.transform(lambda rows: rows)


# ---------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"sql": "select tailnum, nothing as m from {source}"}, "has no column 'nothing'; it has: "),
        ({"sql": "select tailnum, b + nothing as m from {source}"}, "nothing"),
        ({"sql": "select *, b as m, 1 as b from {source}"}, "two columns are called 'b'"),
        (
            {"sql": "select tailnum, b::varchar as m from {source}"},
            "which does not convert to int64 without loss",
        ),
        ({"sql": "select tailnum, b as m from {source} x", "trusted": True}, "has no time column 'at'"),
    ],
)
def test_sql_that_does_not_fit_the_source(store: fs.FeatureStore, arguments: Any, problem: str) -> None:
    source = fs.InMemorySource("s", data=TABLE, event_timestamp="at", mapping={"tailnum": "TAIL"})
    view = fs.FeatureView(
        "v", entities=[PLANE], source=source, features=[fs.Feature("m", fs.Int64)], **arguments
    )
    with pytest.raises(fs.errors.FeatureStoreError, match=problem):
        store.get_historical_features(asked(), [view])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"mapping": {"tailnum": "TAILNUM"}}, "has no column 'TAILNUM'.*\n.*Did you mean 'TAIL'"),
        ({"unnest": "a"}, "column 'a' is double, not a list"),
        ({"unnest": "z"}, "has no column 'z'"),
        ({"computed": {"b": "a + 1"}}, "already has a column 'b'"),
        ({"where": "nothing > 1"}, "nothing"),
    ],
)
def test_sources_that_do_not_fit_their_data(store: fs.FeatureStore, arguments: Any, problem: str) -> None:
    source = fs.InMemorySource(
        "s", data=TABLE, event_timestamp="at", **{"mapping": {"tailnum": "TAIL"}, **arguments}
    )
    view = fs.FeatureView("v", entities=[PLANE], source=source, features=[fs.Feature("b", fs.Int64)])
    with pytest.raises(fs.errors.FeatureStoreError, match=problem):
        store.get_historical_features(asked(), [view])


def test_expressions_of_a_source_are_checked_where_they_are_written() -> None:
    for arguments, problem in (
        ({"where": "sum(a) > 1"}, "where: .*aggregate"),
        ({"computed": {"x": "now()"}}, "x: .*clock"),
    ):
        with pytest.raises(DefinitionError, match=problem):
            fs.ParquetSource("s", path="x", event_timestamp="at", **arguments)


def test_a_few_rows_are_enough_to_find_what_is_not_row_local(store: fs.FeatureStore) -> None:
    rows = pa.table({"k": ["a", "b"], "at": [NOON] * 2, "x": [1.0, 2.0]})
    view = fs.FeatureView(
        "v", entities=[fs.Entity("e", join_keys={"k": fs.String})],
        source=fs.InMemorySource("s", data=rows, event_timestamp="at"),
        features=[fs.Feature("x", fs.Float64)], transform=leaking.not_row_local,
    )  # fmt: skip
    with pytest.raises(TransformError, match="another result in batches of 1 rows"):
        store.plan([view])


@pytest.mark.parametrize(
    ("transform", "problem"),
    [
        (leaking.by_chance, "another result on the same rows"),
        (leaking.by_place, "another result when the rows come in another order"),
        (leaking.not_row_local, "another result in batches of 7 rows"),
    ],
    ids=lambda value: getattr(value, "path", ""),
)
def test_transforms_that_are_not_deterministic_are_reported_at_apply(
    store: fs.FeatureStore, transform: fs.Transform, problem: str, tmp_path: Path
) -> None:
    rows = pa.table(
        {"k": ["a"] * 50, "at": [NOON] * 50, "n": range(50), "x": [float(i % 7) for i in range(50)]}
    )
    pq.write_table(rows, tmp_path / "x.parquet")
    source = fs.ParquetSource("s", path=str(tmp_path / "x.parquet"), event_timestamp="at")
    entity = fs.Entity("e", join_keys={"k": fs.String})
    view = fs.FeatureView(
        "v", entities=[entity], source=source, features=[fs.Feature("x", fs.Float64)], transform=transform
    )
    for verb in (store.plan, store.apply):
        with pytest.raises(TransformError, match=problem):
            verb([view])
    assert store.project.catalog().stored == []
    good = fs.FeatureView(
        "v", entities=[entity], source=source, features=view.features, transform=leaking.running_mean
    )
    store.apply([good])


def test_a_transform_that_fails_or_returns_something_else(store: fs.FeatureStore) -> None:
    @fs.transform
    def fails(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.select("nowhere")

    @fs.transform
    def eager(rows: pl.LazyFrame) -> Any:
        return rows.collect()

    @fs.transform
    def timeless(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.drop("at")

    source = fs.InMemorySource("s", data=TABLE, event_timestamp="at", mapping={"tailnum": "TAIL"})
    for transform, problem in (
        (fails, "failed: ColumnNotFoundError"), (eager, "returned a DataFrame, expected a polars.LazyFrame"),
        (timeless, "has no time column 'at'"),
    ):  # fmt: skip
        view = fs.FeatureView(
            "v", entities=[PLANE], source=source, features=[fs.Feature("a", fs.Float64)], transform=transform
        )
        with pytest.raises(TransformError, match=problem):
            store.get_historical_features(asked(), [view]).to_arrow()
