"""Random row-local transforms: the same on both engines, over all kinds of sources, and through the online store.

What is right is plain Python: the expression on the row that the law of time chooses.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import featurestore as fs
from tests.law.expressions import Expression, Row, conditions, numbers
from tests.law.stores import ENGINES, Stores

if TYPE_CHECKING:
    import polars as pl

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ENTITY = fs.Entity("e", join_keys={"k": fs.Int64})
SCHEMA = pa.schema(
    [
        ("k", pa.int64()),
        ("at", pa.timestamp("us", "UTC")),
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("s", pa.string()),
    ]
)
VALUES = st.none() | st.integers(-20, 20).map(lambda n: n / 8)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "k": st.integers(0, 2),
            "at": st.integers(0, 5).map(lambda n: NOON + n * MINUTE),
            "x": VALUES,
            "y": VALUES,
            "s": st.sampled_from([None, "a", "A", "b", ""]),
        }
    ),
    max_size=8,
    unique_by=lambda row: (row["k"], row["at"]),
)
ASKED = [(k, NOON + n * MINUTE) for k in range(3) for n in range(-1, 7)]


def right(rows: list[Row], kept: Expression, value: Expression, key: int, at: datetime) -> Any:
    """The value of the latest row that is kept."""
    known = [row for row in rows if row["k"] == key and row["at"] <= at and kept.python(row)]
    return value.python(max(known, key=lambda row: row["at"])) if known else None


def transform_of(kept: Expression, value: Expression) -> fs.Transform:
    """A transform with expressions of Polars, which cannot be recorded: here they stand for themselves."""
    global made  # noqa: PLW0603  (transforms are imported by name)

    def function(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.filter(kept.polars).with_columns(m=value.polars)

    made = fs.Transform(path=f"{__name__}:made", code=f"{kept} {value}", row_local=True)
    made._function = function
    return made


made: fs.Transform


WAYS = st.sampled_from(["sql", "polars", "source", "chained"])


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=15)
@given(rows=ROWS, kept=conditions(numbers(1)), value=numbers(), way=WAYS, kind=st.sampled_from([0, 1, 2]))
def test_random_expressions(  # noqa: PLR0917
    stores: Stores, engine: str, rows: list[Row], kept: Expression, value: Expression, way: str, kind: int
) -> None:
    project = stores.new_project()
    shaped: Any = {"where": kept.sql, "computed": {"m": value.sql}} if way == "source" else {}
    source = source_of(rows, stores.folder / project, kind, shaped)
    view = view_over(source, way, kept, value)
    expected = [right(rows, kept, value, k, at) for k, at in ASKED]
    asked = [{"k": k, "event_timestamp": at} for k, at in ASKED]
    with stores.open(engine, project) as store:
        assert store.get_historical_features(asked, [view]).to_arrow().column("m").to_pylist() == expected
        store.apply([view])
        end = NOON + 3 * MINUTE
        store.materialize(end=end, views=[view.name])
        answer = store.get_online_features(view.name, [{"k": k} for k in range(3)], now=end).to_dict()["m"]
        assert answer == [right(rows, kept, value, k, end) for k in range(3)]
        assert store.check_leakage([view], samples=1).clean


def source_of(rows: list[Row], folder: Path, files: int, shaped: Any) -> fs.Source:
    """In memory, or in so many files."""
    table = pa.Table.from_pylist(rows, SCHEMA)
    if not files:
        return fs.InMemorySource("s", data=table, event_timestamp="at", **shaped)
    folder.mkdir()
    for i in range(files):
        part = table.take(pa.array(range(i, len(rows), files), pa.int64()))
        pq.write_table(part, folder / f"{i}.parquet")
    return fs.ParquetSource("s", path=str(folder / "*.parquet"), event_timestamp="at", **shaped)


def view_over(source: fs.Source, way: str, kept: Expression, value: Expression) -> fs.FeatureView:
    feature = [fs.Feature("m", fs.Float64)]
    sql = f"select k, {value.sql} as m from {{source}} where {kept.sql}"
    if way == "source":
        return fs.FeatureView("v", entities=[ENTITY], source=source, features=feature)
    if way == "sql":
        return fs.FeatureView("v", entities=[ENTITY], source=source, features=feature, sql=sql)
    if way == "polars":
        return fs.FeatureView(
            "v", entities=[ENTITY], source=source, features=feature, transform=transform_of(kept, value)
        )
    columns = [fs.Feature("x", fs.Float64), fs.Feature("y", fs.Float64), fs.Feature("s", fs.String)]
    below = fs.FeatureView("below", entities=[ENTITY], source=source, features=columns, online=False)
    return fs.FeatureView("v", entities=[ENTITY], source=below, features=feature, sql=sql)
