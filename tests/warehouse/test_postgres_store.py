"""The store's verbs over PostgreSQL: training frames, latest rows, both ways to materialize, the leak detector."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.errors import DefinitionError
from tests.warehouse.loading import URL

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
plane = fs.Entity("plane", join_keys={"tailnum": fs.String})


@pytest.fixture(params=["duckdb", "polars"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[fs.FeatureStore]:
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/r.db", online="memory://", offline=request.param
    ) as opened:
        yield opened


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture
def arrivals(warehouse: str) -> str:
    run(
        warehouse,
        "CREATE TABLE arrivals (tail varchar(8), arrived_at timestamp, loaded_at timestamptz, delay real, raw jsonb)",
        "INSERT INTO arrivals VALUES ('N1', '2024-05-01 08:00', '2024-05-01 12:00Z', 5, '{\"gate\": \"B4\"}'), "
        "('N1', '2024-05-01 12:00', '2024-05-01 12:00Z', 7, '{}'), "
        "('N2', '2024-05-01 11:00', '2024-05-01 11:00Z', NULL, NULL), "
        "('XX', '2024-05-01 11:00', '2024-05-01 11:00Z', 1, NULL)",
    )
    return warehouse


def view(**changes: Any) -> fs.FeatureView:
    # The table is of New York: 08:00 there is noon in UTC.
    source = fs.PostgresSource(
        "arrivals", url=URL, table="arrivals", event_timestamp="arrived_at", created_timestamp="loaded_at",
        timezone="America/New_York", mapping={"tailnum": "tail"}, where="tailnum <> 'XX'",
    )  # fmt: skip
    fields: dict[str, Any] = {
        "entities": [plane], "source": source,
        "features": [fs.Feature("delay", fs.Float64), fs.Feature("gate", fs.String)],
        "sql": "SELECT *, json_extract_string(raw, '$.gate') AS gate FROM {source}",
    }  # fmt: skip
    return fs.FeatureView("punctuality", **{**fields, **changes})


def online(store: fs.FeatureStore, *tails: str) -> list[Any]:
    return store.get_online_features("punctuality", [{"tailnum": tail} for tail in tails]).to_dict()["delay"]


def test_a_training_frame(store: fs.FeatureStore, arrivals: str) -> None:
    rows = pa.table({
        "tailnum": ["N1", "N1", "N2", "XX", None],
        "event_timestamp": [NOON, NOON - HOUR, NOON + 9 * HOUR, NOON + 9 * HOUR, NOON],
    })  # fmt: skip
    frame = store.get_historical_features(rows, [view()]).to_arrow()
    assert frame.column("delay").to_pylist() == [5.0, None, None, None, None]
    assert frame.column("gate").to_pylist() == ["B4", None, None, None, None]


def test_materialize_then_only_what_has_changed(store: fs.FeatureStore, arrivals: str) -> None:
    store.apply([view()])
    store.materialize(end=NOON + HOUR)
    assert online(store, "N1", "N2", "XX") == [5.0, None, None]
    late = datetime.now(UTC).isoformat()
    run(arrivals, f"INSERT INTO arrivals VALUES ('N1', '2024-05-01 08:30', '{late}', 3, NULL)")
    store.materialize_incremental(end=NOON + 2 * HOUR)
    assert online(store, "N1", "N2", "XX") == [3.0, None, None]


def test_what_is_registered_is_read_back_without_a_secret(
    store: fs.FeatureStore, arrivals: str, tmp_path: Path
) -> None:
    store.apply([view()])
    password = arrivals.partition("@")[0].rpartition(":")[2]
    assert password not in (tmp_path / "r.db").read_bytes().decode("latin-1")
    rows = pa.table({"tailnum": ["N1"], "event_timestamp": [NOON]})
    assert store.get_historical_features(rows, ["punctuality:delay"]).to_arrow().column(
        "delay"
    ).to_pylist() == [5.0]


def test_the_leak_detector_reads_it(store: fs.FeatureStore, arrivals: str) -> None:
    leaking = (
        "SELECT tailnum, max(delay) OVER (PARTITION BY tailnum) AS delay, arrived_at, loaded_at FROM {source}"
    )
    features = [fs.Feature("delay", fs.Float64)]
    assert not store.check_leakage(view(), samples=2).leaks
    assert store.check_leakage(view(sql=leaking, trusted=True, features=features), samples=2).leaks


def test_latest_features_of_some_entities(store: fs.FeatureStore, arrivals: str) -> None:
    keys = [{"tailnum": "N1"}, {"tailnum": "N3"}]
    table = store.get_latest_features([view()], at=NOON + HOUR, entities=keys).to_arrow()
    assert table.column("tailnum").to_pylist() == ["N1", "N3"]
    assert table.column("delay").to_pylist() == [5.0, None]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"url": "postgresql://u:secret@h/d"}, "holds a secret"),
        ({"url": "postgresql://h/d?user=u&password=secret"}, "holds a secret"),
        ({"url": "mysql://h/d"}, "expected a URL such as"),
        ({"table": "", "query": ""}, "either table="),
        ({"query": "SELECT 1"}, "either table="),
    ],
)
def test_a_definition_that_cannot_be(change: dict[str, str], error: str) -> None:
    fields: dict[str, Any] = {"url": URL, "table": "t", "event_timestamp": "at", **change}
    with pytest.raises(DefinitionError, match=error) as caught:
        fs.PostgresSource("s", **fields)
    assert "secret@" not in str(caught.value)


def test_a_definition_is_read_back_from_its_json() -> None:
    source = fs.PostgresSource("s", url=URL, query="SELECT 1 AS at ;", event_timestamp="at", tags={"a": "b"})
    assert source.query == "SELECT 1 AS at"
    assert fs.PostgresSource.from_json(source.to_json()) == source
    assert fs.FeatureView.from_json(view().to_json()) == view()
