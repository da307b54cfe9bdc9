"""Training frames that stay in the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.errors import RequestError, SourceError
from featurestore.sources.arrow import read_table
from tests.warehouse import loading, snowflake_loading

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
courier = fs.Entity("courier", join_keys={"k": fs.Int64})
MOMENT, TEXT = (
    {"postgres": "timestamptz", "snowflake": "TIMESTAMP_TZ"},
    {"postgres": "text", "snowflake": "VARCHAR"},
)


@dataclass(frozen=True)
class Warehouse:
    """A database in which SQL can be run, and over whose tables sources can be made."""

    kind: str
    run: Callable[..., None]
    source: Callable[..., Any]


@pytest.fixture(params=["postgres", "snowflake"])
def place(request: pytest.FixtureRequest) -> Warehouse:
    if request.param == "snowflake":
        request.getfixturevalue("snowflake_url")
        make: Callable[..., Any] = lambda **a: fs.SnowflakeSource("s", url=snowflake_loading.URL, **a)  # noqa: E731
        return Warehouse("snowflake", snowflake_loading.run, make)
    url = request.getfixturevalue("warehouse")

    def run(*statements: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    return Warehouse("postgres", run, lambda **a: fs.PostgresSource("s", url=loading.URL, **a))


@pytest.fixture
def view(place: Warehouse) -> fs.FeatureView:
    moment, text = MOMENT[place.kind], TEXT[place.kind]
    place.run("DROP TABLE IF EXISTS rows_of_couriers", "DROP TABLE IF EXISTS frame")
    place.run(
        f"CREATE TABLE rows_of_couriers (k BIGINT, happened {moment}, loaded {moment}, x BIGINT, y NUMERIC(6, 2), "
        f"z {text}, day DATE, flag BOOLEAN, level DOUBLE PRECISION)",
        "INSERT INTO rows_of_couriers VALUES "
        "(1, '2024-05-01 10:00:00+00:00', '2024-05-01 10:00:00+00:00', 5, 1.25, 'a', '2024-05-01', TRUE, 0.5), "
        "(1, '2024-05-01 10:00:00+00:00', '2024-05-01 11:00:00+00:00', 6, 2.25, NULL, '2024-05-02', FALSE, -1), "
        "(2, '2024-05-01 11:30:00+00:00', '2024-05-01 11:30:00+00:00', 7, NULL, 'é''\"', NULL, NULL, NULL)",
    )
    source = place.source(table="rows_of_couriers", event_timestamp="happened", available_at="loaded")
    types = {"x": fs.Int64, "y": fs.Decimal(8, 2), "z": fs.String, "day": fs.Date, "flag": fs.Bool,
             "level": fs.Float64, "loaded": fs.Timestamp}  # fmt: skip
    features = [fs.Feature(name, dtype) for name, dtype in types.items()]
    return fs.FeatureView("v", entities=[courier], source=source, features=features)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[fs.FeatureStore]:
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://") as opened:
        yield opened


ASKED = pa.table({
    "k": pa.array([1, 1, 2, 3, None], pa.int64()),
    "event_timestamp": [NOON, NOON - HOUR * 3 / 2, NOON, NOON, NOON],
    "label": [0.5, None, 1.5, 2.5, 3.5],
    "Odd name": ["a", "b", None, "", "ü'"],
    "price": pa.array([Decimal("1.50"), None, Decimal("2.00"), Decimal("3.25"), Decimal("4.00")], pa.decimal128(9, 2)),
    "day_asked": [date(2024, 5, 1)] * 5,
})  # fmt: skip


def rows_of(table: pa.Table) -> list[tuple[Any, ...]]:
    return sorted((tuple(row.values()) for row in table.to_pylist()), key=repr)


@pytest.mark.parametrize("engine", [None, "own"])
def test_a_frame_is_a_table_with_the_same_rows(
    store: fs.FeatureStore, place: Warehouse, view: fs.FeatureView, engine: str | None
):
    frame = store.get_historical_features(ASKED, [view], engine=place.kind if engine else None)
    frame.to_table("frame")
    expected = store.get_historical_features(ASKED, [view], engine="duckdb").to_arrow()
    written = place.source(table="frame", event_timestamp="event_timestamp")
    assert rows_of(read_table(written, dict.fromkeys(expected.schema.names))) == rows_of(expected)
    with pytest.raises(SourceError, match=r"(?i)frame.* already exists"):
        frame.to_table("frame")
    store.get_historical_features(ASKED.slice(0, 2), [view], engine=place.kind).to_table(
        "frame", replace=True
    )
    assert read_table(written, {"k": None}).num_rows == 2


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
def test_a_frame_of_rows_that_an_index_leads_to_is_a_table(
    store: fs.FeatureStore, place: Warehouse, view: fs.FeatureView
):
    place.run("CREATE INDEX ON rows_of_couriers (k, happened)")
    source = place.source(table="rows_of_couriers", event_timestamp="happened", created_timestamp="loaded")
    looked_up = view.model_copy(update={"source": source, "ttl": HOUR})
    frame = store.get_historical_features(ASKED, [looked_up], engine="postgres")
    assert "JOIN LATERAL" in frame.explain()
    frame.to_table("frame")
    written = read_table(
        place.source(table="frame", event_timestamp="event_timestamp"), {"k": None, "x": None}
    )
    assert rows_of(written) == [(1, 6), (1, None), (2, 7), (3, None), (None, None)]


def test_windows_and_features_in_one_table(store: fs.FeatureStore, place: Warehouse, view: fs.FeatureView):
    functions = {"x": ("sum", "mean", "max"), "y": ("min",), "z": ("last",), "day": ("first",), "flag": ("any",),
                 "level": ("var", "max"), "loaded": ("max",)}  # fmt: skip
    features = [fs.Aggregation(c, f, "1d", name=f"{c}_{f}") for c, fs_of in functions.items() for f in fs_of]
    windows = fs.FeatureView("w", entities=[courier], source=view.source, features=features)
    frame = store.get_historical_features(ASKED, [view, windows], engine=place.kind)
    frame.to_table("frame")
    expected = store.get_historical_features(ASKED, [view, windows], engine="duckdb").to_arrow()
    written = place.source(table="frame", event_timestamp="event_timestamp")
    assert rows_of(read_table(written, dict.fromkeys(expected.schema.names))) == rows_of(expected)


def test_a_frame_that_fails_leaves_what_was_there(
    store: fs.FeatureStore, place: Warehouse, view: fs.FeatureView
):
    store.get_historical_features(ASKED, [view], engine=place.kind).to_table("frame")
    bad = "x / 0" if place.kind == "postgres" else "z::NUMBER"
    query = f"SELECT k, happened, loaded, {bad} AS x FROM rows_of_couriers"
    broken = view.source.model_copy(update={"table": "", "query": query})
    asking = fs.FeatureView("b", entities=[courier], source=broken, features=[fs.Feature("x", fs.Int64)])
    with pytest.raises(SourceError):
        store.get_historical_features(ASKED, [asking], engine=place.kind).to_table("frame", replace=True)
    written = place.source(table="frame", event_timestamp="event_timestamp")
    assert read_table(written, {"label": None}).num_rows == 5


def test_what_cannot_stay_there_says_so(store: fs.FeatureStore, place: Warehouse, view: fs.FeatureView):
    with pytest.raises(RequestError, match="its engine is 'duckdb'"):
        store.get_historical_features(ASKED, [view], engine="duckdb").to_table("frame")
    nested = ASKED.append_column("nested", pa.array([{"a": 1}] * 5))
    with pytest.raises(RequestError, match="Column 'nested' of the entity rows is struct"):
        store.get_historical_features(nested, [view]).to_table("frame")
    windows = fs.FeatureView("w", entities=[courier], source=view.source,
                             features=[fs.Aggregation("x", "max", HOUR, name="m", by="k", keys=1)])  # fmt: skip
    with pytest.raises(RequestError, match="has the aggregation 'm', a map"):
        store.get_historical_features(ASKED, [windows]).to_table("frame")
