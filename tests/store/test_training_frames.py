"""Training frames at the facade: every form in, every form out, nothing touched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.errors import EntityDataError, RequestError, SourceError
from tests.store.conftest import HOUR, NOON, Arrivals, plane

TIMES = [NOON + HOUR, NOON - HOUR, NOON, NOON + HOUR, NOON]
TAILS = ["A", "A", None, "A", "Z"]
EXPECTED = [2.0, None, None, 2.0, None]


@pytest.fixture
def offline(tmp_path: Path, engine: str) -> fs.FeatureStore:
    return fs.FeatureStore(registry=f"sqlite:///{tmp_path}/registry.db", online="memory://", offline=engine)


@pytest.fixture
def view(arrivals: Arrivals) -> fs.FeatureView:
    arrivals.add("A", NOON, 1.0)
    arrivals.add("A", NOON + HOUR, 2.0)
    return arrivals.view()


def entity_table() -> pa.Table:
    """Duplicates, nulls, an unknown key, columns of all kinds, and integers that a float would change."""
    return pa.table(
        {
            "tailnum": pa.array(TAILS),
            "event_timestamp": pa.array(TIMES, pa.timestamp("us", "UTC")),
            "big": pa.array([2**53 + 1, None, 3, 4, 5]),
            "price": pa.array(
                [Decimal("1.10"), None, Decimal("2.20"), Decimal("3.00"), None], pa.decimal128(9, 2)
            ),
            "local": pa.array([datetime(2024, 1, 1)] * 5, pa.timestamp("ns")),
            "tags": pa.array([["a", None], [], None, ["b"], ["c"]]),
            "label with spaces": pa.array([True, None, False, True, False]),
        }
    )


def to_reader(table: pa.Table, _: Path) -> Any:
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=2))


def to_path(table: pa.Table, folder: Path) -> Path:
    pq.write_table(table, folder / "entities.parquet", row_group_size=2)
    return folder / "entities.parquet"


FORMS: dict[str, Callable[[pa.Table, Path], Any]] = {
    "arrow": lambda table, _: table,
    "chunks": lambda table, _: pa.concat_tables([table.slice(0, 2), table.slice(2)]),
    "empty chunks": lambda table, _: pa.concat_tables([table.slice(0, 0), table, table.slice(0, 0)]),
    "reader": to_reader,
    "polars": lambda table, _: pl.from_arrow(table),
    "lazy": lambda table, _: pl.from_arrow(table).lazy(),  # type: ignore[union-attr]
    "pandas": lambda table, _: table.to_pandas(types_mapper=pd.ArrowDtype),
    "dicts": lambda table, _: table.to_pylist(),
    "path": to_path,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_entity_dataframe(
    form: str, offline: fs.FeatureStore, view: fs.FeatureView, tmp_path: Path
) -> None:
    table = entity_table()
    if form == "dicts":
        table = table.drop_columns(["local"])
    frame = offline.get_historical_features(FORMS[form](table, tmp_path), view)
    result = frame.to_arrow()
    assert result.schema.names == [*table.schema.names, "delay"]
    assert result["delay"].to_pylist() == EXPECTED
    assert result.select(table.schema.names).to_pylist() == table.to_pylist()
    if form in ("arrow", "chunks", "empty chunks", "reader", "path"):
        assert result.select(table.schema.names).equals(table)
    assert (frame.num_rows, frame.schema) == (5, result.schema)


def test_every_form_of_result(offline: fs.FeatureStore, view: fs.FeatureView, tmp_path: Path) -> None:
    frame = offline.get_historical_features(entity_table(), view)
    expected = frame.to_arrow()
    frame.to_parquet(tmp_path / "frame.parquet", compression="zstd")
    assert pq.read_table(tmp_path / "frame.parquet").equals(expected)
    assert pa.Table.from_batches(frame.to_batches()).equals(expected)
    assert frame.to_polars()["big"].to_list() == [2**53 + 1, None, 3, 4, 5]
    pandas = frame.to_pandas()
    assert pandas["big"].dtype == pd.ArrowDtype(pa.int64())
    assert pandas["big"][0] == 2**53 + 1
    assert pandas["delay"].isna().tolist() == [False, True, True, False, True]


def test_pandas_in_pandas_out_has_the_index_and_the_types_of_pandas(
    offline: fs.FeatureStore, view: fs.FeatureView
) -> None:
    rows = entity_table().to_pandas(types_mapper=pd.ArrowDtype)
    rows["kind"] = pd.Categorical(["x", "y", None, "x", "z"], categories=["z", "y", "x"], ordered=True)
    rows["month"] = pd.period_range("2024-01", periods=5, freq="M")
    chosen = rows[rows["big"].fillna(0) != 3]  # its index has a hole now
    result = offline.get_historical_features(chosen, view).to_pandas()
    pd.testing.assert_frame_equal(result.drop(columns="delay"), chosen)
    assert result["delay"].dropna().to_dict() == {0: 2.0, 3: 2.0}
    latest = offline.get_latest_features(view, at=NOON, entities=chosen[["tailnum"]]).to_pandas()
    assert latest["delay"].dropna().to_dict() == {0: 1.0, 1: 1.0, 3: 1.0}


def test_plans_and_frames_print_in_the_units_and_lengths_of_people(
    offline: fs.FeatureStore, arrivals: Arrivals
) -> None:
    source = arrivals.view().source.model_copy(update={"delay": timedelta(minutes=90)})
    view = arrivals.view(source=source, ttl=timedelta(days=14), schedule=fs.Schedule(every=HOUR))
    windows = arrivals.view(
        name="windows", ttl=None,
        features=[fs.Aggregation("delay", "sum", f"{days}d") for days in range(1, 31)],
    )  # fmt: skip
    frame = offline.get_historical_features(entity_table(), [view, windows])
    assert "delay 90m, every 1h, ttl 14d" in frame.explain()
    assert "windows up to 30d" in frame.explain()
    assert repr(frame).endswith("delay_sum_19d, … (11 more))")


def test_polars_in_polars_out_is_the_same_frame(offline: fs.FeatureStore, view: fs.FeatureView) -> None:
    frame = pl.from_arrow(entity_table())
    assert isinstance(frame, pl.DataFrame)
    frame = frame.with_columns(kind=pl.Series(["x", "y", "x", None, "y"], dtype=pl.Categorical))
    result = offline.get_historical_features(frame, view).to_polars()
    assert result.drop("delay").equals(frame)
    assert result.drop("delay").schema == frame.schema


def test_sql_as_entity_dataframe(offline: fs.FeatureStore, view: fs.FeatureView) -> None:
    sql = "select tailnum, arrived_at as event_timestamp from arrivals order by arrived_at desc"
    result = offline.get_historical_features(sql, view).to_arrow()
    assert result["delay"].to_pylist() == [2.0, 1.0]


def test_no_rows_and_no_source_rows(
    offline: fs.FeatureStore, view: fs.FeatureView, arrivals: Arrivals
) -> None:
    assert offline.get_historical_features(entity_table().slice(0, 0), view).to_arrow().num_rows == 0
    arrivals.remove("A")
    assert offline.get_historical_features(entity_table(), view).to_arrow()["delay"].to_pylist() == [None] * 5


def test_one_view_twice_under_aliases(
    offline: fs.FeatureStore, view: fs.FeatureView, arrivals: Arrivals
) -> None:
    arrivals.add("B", NOON, 7.0)
    rows = [{"tailnum": "A", "inbound": "B", "event_timestamp": NOON}]
    both = [view, view.alias("inbound_plane").with_join_keys({"tailnum": "inbound"})]
    frame = offline.get_historical_features(rows, both, full_feature_names=True).to_arrow()
    assert frame.to_pylist() == [{**rows[0], "punctuality__delay": 1.0, "inbound_plane__delay": 7.0}]
    service = fs.FeatureService("both", features=both)
    offline.apply([service])
    again = offline.get_historical_features(rows, "both", full_feature_names=True).to_arrow()
    assert again.equals(frame)


def test_features_come_in_the_order_of_the_request(
    offline: fs.FeatureStore, view: fs.FeatureView, arrivals: Arrivals
) -> None:
    features = [fs.Feature("x", fs.Float64, column="delay"), fs.Feature("y", fs.String, column="tailnum")]
    other = arrivals.view(name="other", features=features)
    offline.apply([view, other])
    rows = [{"tailnum": "A", "event_timestamp": NOON}]
    frame = offline.get_historical_features(rows, ["other:y", "punctuality:delay", "other:x", "other:y"])
    assert frame.schema.names == ["tailnum", "event_timestamp", "y", "delay", "x"]
    assert frame.to_arrow().to_pylist() == [{**rows[0], "y": "A", "delay": 1.0, "x": 1.0}]


def test_another_time_column_and_zone(offline: fs.FeatureStore, view: fs.FeatureView) -> None:
    local = datetime(2024, 5, 1, 8)  # 12:00 UTC in New York
    rows = pa.table({"tailnum": ["A", "A"], "when": [local, local - timedelta(microseconds=1)]})
    frame = offline.get_historical_features(rows, view, event_timestamp="when", timezone="America/New_York")
    assert frame.to_arrow()["delay"].to_pylist() == [1.0, None]
    assert frame.to_arrow()["when"].to_pylist() == rows["when"].to_pylist()


def test_as_of_an_earlier_state(offline: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0, created=NOON)
    arrivals.add("A", NOON, 5.0, created=NOON + HOUR)
    rows = [{"tailnum": "A", "event_timestamp": NOON}]

    def value(as_of: datetime | None) -> object:
        return (
            offline.get_historical_features(rows, arrivals.view(), as_of=as_of).to_arrow()["delay"][0].as_py()
        )

    assert [value(None), value(NOON + HOUR), value(NOON), value(NOON - HOUR)] == [5.0, 5.0, 1.0, None]
    plain = fs.ParquetSource("plain", path=str(arrivals.path), event_timestamp="arrived_at")
    with pytest.raises(SourceError, match="neither available_at nor created_timestamp"):
        offline.get_historical_features(rows, arrivals.view(source=plain), as_of=NOON)


def test_the_engine_can_be_chosen_per_request(offline: fs.FeatureStore, view: fs.FeatureView) -> None:
    for name in ("duckdb", "polars"):
        frame = offline.get_historical_features(entity_table(), view, engine=name)
        assert frame.to_arrow()["delay"].to_pylist() == EXPECTED
        explained = frame.explain()
        assert "5 entity rows" in explained
        assert name in explained
        assert "arrived_at" in explained


def test_latest_features_of_every_entity(
    offline: fs.FeatureStore, view: fs.FeatureView, arrivals: Arrivals
) -> None:
    arrivals.add("B", NOON - 2 * HOUR, 3.0)
    short = arrivals.view(name="short", ttl=HOUR, features=[fs.Feature("recent", fs.Float64, column="delay")])
    frame = offline.get_latest_features([view, short], at=NOON).to_arrow()
    rows = sorted(frame.to_pylist(), key=lambda row: str(row["tailnum"]))
    assert rows == [
        {"tailnum": "A", "event_timestamp": NOON, "delay": 1.0, "recent": 1.0},
        {"tailnum": "B", "event_timestamp": NOON, "delay": 3.0, "recent": None},
    ]
    chosen = offline.get_latest_features(
        view, at=NOON, entities=[{"tailnum": "Z"}, {"tailnum": "B"}]
    ).to_arrow()
    assert chosen.drop_columns("event_timestamp").to_pylist() == [
        {"tailnum": "Z", "delay": None},
        {"tailnum": "B", "delay": 3.0},
    ]


def test_latest_features_before_anything_was_known(offline: fs.FeatureStore, view: fs.FeatureView) -> None:
    frame = offline.get_latest_features(view, at=NOON - HOUR).to_arrow()
    assert frame.to_pylist() == []
    assert frame.schema.field("tailnum").type == pa.string()
    assert frame.schema.names == ["tailnum", "event_timestamp", "delay"]


def test_latest_features_of_views_with_different_keys(
    offline: fs.FeatureStore, view: fs.FeatureView, arrivals: Arrivals
) -> None:
    other = arrivals.view(
        name="other",
        entities=[fs.Entity("delay_class", join_keys={"arrived_at": fs.Timestamp})],
        features=[fs.Feature("x", fs.String, column="tailnum")],
    )
    with pytest.raises(RequestError, match="entities="):
        offline.get_latest_features([view, other], at=NOON)
    everyone = arrivals.view(
        name="everyone", entities=[], features=[fs.Feature("last", fs.Float64, column="delay")]
    )
    frame = offline.get_latest_features(everyone, at=NOON).to_arrow()
    assert frame.to_pylist() == [{"event_timestamp": NOON, "last": 1.0}]
    with pytest.raises(EntityDataError, match="event_timestamp"):
        offline.get_latest_features(view, entities=[{"tailnum": "A", "event_timestamp": NOON}])


def test_a_source_in_memory_is_read_back_by_name(offline: fs.FeatureStore) -> None:
    data = pd.DataFrame({"tailnum": ["A"], "t": [NOON], "x": pd.array([2**53 + 1], dtype="Int64")})
    source = fs.InMemorySource("memory", data=data, event_timestamp="t")
    made = fs.FeatureView("made", entities=[plane], source=source, features=[fs.Feature("x", fs.Int64)])
    offline.apply([made])
    rows = [{"tailnum": "A", "event_timestamp": datetime.now(UTC)}, {"tailnum": "B", "event_timestamp": NOON}]
    assert offline.get_historical_features(rows, "made").to_arrow()["x"].to_pylist() == [2**53 + 1, None]


def test_csv_and_hive_folders(offline: fs.FeatureStore, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(
        "tailnum,t,x,note\nA,2024-05-01T12:00:00Z,1.5,\nA,2024-05-01T13:00:00Z,,late\n"
    )
    csv = fs.CSVSource("csv", path=str(tmp_path / "rows.csv"), event_timestamp="t")
    noted = [fs.Feature("x", fs.Float32), fs.Feature("note", fs.String)]
    from_csv = fs.FeatureView("from_csv", entities=[plane], source=csv, features=noted)
    for day, value in ((date(2024, 5, 1), 1), (date(2024, 5, 2), 2)):
        folder = tmp_path / "hive" / f"day={day}" / "fleet=7"
        folder.mkdir(parents=True)
        part = pa.table({"tailnum": ["A"], "on": [day], "v": pa.array([value], pa.int16())})
        pq.write_table(part, folder / "part.parquet")
    hive = fs.ParquetSource(
        "hive",
        path=str(tmp_path / "hive"),
        hive_partitioning=True,
        event_timestamp="on",
        delay=timedelta(days=1),
    )
    columns = [fs.Feature("v", fs.Int64), fs.Feature("fleet", fs.Int8)]
    rows = [{"tailnum": "A", "event_timestamp": NOON + n * HOUR} for n in (0, 1, 11, 12, 36)]
    frame = offline.get_historical_features(rows, from_csv).to_arrow()
    assert frame["x"].to_pylist() == [1.5, None, None, None, None]
    assert frame["note"].to_pylist() == [None, "late", "late", "late", "late"]
    view = fs.FeatureView("from_hive", entities=[plane], source=hive, features=columns)
    frame = offline.get_historical_features(rows, view).to_arrow()
    assert frame["v"].to_pylist() == [None, None, None, 1, 2]
    assert frame["fleet"].to_pylist() == [None, None, None, 7, 7]
