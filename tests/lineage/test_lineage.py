"""Lineage: from columns through SQL, views and services to training sets, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.errors import NotFoundError
from featurestore.lineage.columns import EVERYTHING, Origin, feature_origins
from featurestore.lineage.graph import Lineage
from featurestore.lineage.nodes import Edge, Node
from tests.store.conftest import HOUR, NOON

plane = fs.Entity("plane", join_keys={"tailnum": fs.String})
ROWS = pa.table(
    {
        "tail": ["A", "B"], "seen": [NOON - HOUR] * 2, "loaded": [NOON - HOUR] * 2, "arr_delay": [1.0, 2.0],
        "distance": [10.0, 20.0], "carrier": ["x", "y"], "cancelled": [False, False],
    }
)  # fmt: skip


def source(**changes: object) -> fs.InMemorySource:
    fields: dict[str, object] = {
        "name": "arrivals", "data": ROWS, "event_timestamp": "seen", "created_timestamp": "loaded",
        "mapping": {"tailnum": "tail"}, "computed": {"speed": "distance / (arr_delay + 60)"},
        "where": "NOT cancelled",
    }  # fmt: skip
    return fs.InMemorySource(**{**fields, **changes})  # type: ignore[arg-type]


def view(name: str = "late", **changes: object) -> fs.FeatureView:
    fields: dict[str, object] = {
        "name": name, "entities": [plane], "source": source(), "online": False,
        "features": [fs.Feature("delay", fs.Float64, column="arr_delay"), fs.Feature("speed", fs.Float64)],
    }  # fmt: skip
    return fs.FeatureView(**{**fields, **changes})  # type: ignore[arg-type]


@fs.transform
def doubled(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(speed=pl.col("speed") * 2)


def columns(*names: str) -> frozenset[str]:
    return frozenset(names)


def test_columns_through_a_source() -> None:
    assert feature_origins(view()) == {
        "delay": Origin(columns("arr_delay"), columns("cancelled")),
        "speed": Origin(columns("distance", "arr_delay"), columns("cancelled")),
    }


def test_columns_through_sql() -> None:
    sql = "SELECT tailnum, speed * 2 AS fast, upper(carrier) AS who FROM {source} WHERE arr_delay > 0"
    features = [fs.Feature("fast", fs.Float64), fs.Feature("who", fs.String)]
    found = feature_origins(view(sql=sql, features=features))
    assert found["fast"].values == columns("distance", "arr_delay")
    assert found["who"] == Origin(columns("carrier"), columns("arr_delay", "cancelled"))


def test_columns_through_a_star() -> None:
    sql = "SELECT * REPLACE (arr_delay / 60 AS speed) FROM {source}"
    found = feature_origins(view(sql=sql))
    assert found["delay"].values == found["speed"].values == columns("arr_delay")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT tailnum, seen, loaded, arr_delay / sum(distance) OVER () AS x FROM {source}",
         ("arr_delay", "distance")),
        ("WITH a AS (SELECT *, speed + 1 AS y FROM {source}) SELECT tailnum, seen, loaded, y AS x FROM a",
         ("distance", "arr_delay")),
        ("SELECT * EXCLUDE (carrier), 1 AS y FROM (SELECT *, 1 AS x FROM {source})", (EVERYTHING,)),
    ],
)  # fmt: skip
def test_columns_through_trusted_sql(sql: str, expected: tuple[str, ...]) -> None:
    found = feature_origins(view(sql=sql, trusted=True, features=[fs.Feature("x", fs.Float64)]))
    assert found["x"].values == columns(*expected)


def test_python_does_not_tell_what_it_reads() -> None:
    assert feature_origins(view(transform=doubled))["speed"].values == columns(EVERYTHING)


def test_columns_through_a_view_and_of_aggregations() -> None:
    windows = [
        fs.Aggregation("delay", "mean", window="1d", where="speed > 1", name="average"),
        fs.Aggregation("*", "count", window="1d", name="rows"),
    ]
    assert feature_origins(view("sum", source=view(), features=windows)) == {
        "average": Origin(columns("arr_delay"), columns("distance", "arr_delay", "cancelled")),
        "rows": Origin(columns(), columns("cancelled")),
    }


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fs.FeatureStore]:
    monkeypatch.chdir(tmp_path)
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/registry.db", online="memory://", project="flights"
    ) as opened:
        services = [
            fs.FeatureService("model", features=["late:delay"]),
            fs.FeatureService("other", features=["late:speed"]),
        ]
        reader = view("reader", source=view(), features=[fs.Feature("again", fs.Float64, column="delay")])
        opened.apply([view(), reader, *services])
        rows = [{"tailnum": "A", "event_timestamp": NOON}]
        opened.create_training_set("set-1", "model", rows)
        yield opened


def names(nodes: tuple[Node, ...]) -> list[str]:
    return [str(node) for node in nodes]


def test_a_feature(store: fs.FeatureStore) -> None:
    found = store.lineage("late:delay")
    assert names(found.upstream()) == [
        "column arrivals.arr_delay", "column arrivals.cancelled", "source arrivals",
    ]  # fmt: skip
    assert names(found.downstream()) == [
        "feature view late@1", "feature view reader@1", "feature service model", "training set set-1",
    ]  # fmt: skip
    assert Edge(Node("column", "arrivals.cancelled"), found.root, "filter") in found.edges
    assert Edge(Node("column", "arrivals.arr_delay"), found.root, "value") in found.edges


def test_a_view_and_its_versions(store: fs.FeatureStore) -> None:
    found = store.lineage("late")
    assert found.root == Node("feature_view", "late@1")
    assert names(found.downstream()) == [
        "feature view reader@1", "feature service model", "feature service other", "training set set-1",
    ]  # fmt: skip
    assert {"entity plane", "feature late@1:speed", "column arrivals.tail"} <= set(names(found.upstream()))
    store.apply([view(ttl=HOUR)])
    assert "training set set-1" not in names(store.lineage("late").downstream())
    assert "training set set-1" in names(store.lineage("late@1").downstream())
    assert "feature service model" in names(store.lineage("late").downstream())


def test_a_service_a_source_an_entity_and_a_training_set(store: fs.FeatureStore) -> None:
    service = store.lineage("model")
    assert "feature late@1:delay" in names(service.upstream())
    assert "feature late@1:speed" not in names(service.upstream())
    assert names(service.downstream()) == ["training set set-1"]
    for name in ("arrivals", "plane"):
        found = store.lineage(name)
        assert found.upstream() == ()
        assert {
            "feature view late@1",
            "feature view reader@1",
            "feature service model",
            "training set set-1",
        } <= set(names(found.downstream()))
    assert "column arrivals.arr_delay" in names(store.lineage("arrivals").downstream())
    made = store.lineage("set-1")
    assert names(made.upstream()) == [
        "column arrivals.arr_delay", "column arrivals.cancelled", "source arrivals", "feature late@1:delay",
    ]  # fmt: skip
    assert made.downstream() == ()


def test_what_is_not_there(store: fs.FeatureStore) -> None:
    with pytest.raises(NotFoundError, match=r"'modell' was not found.*\n.*'model'"):
        store.lineage("modell")
    with pytest.raises(NotFoundError, match="'worst'"):
        store.lineage("late:worst")


def test_as_data_and_as_a_diagram(store: fs.FeatureStore) -> None:
    found = store.lineage("late:delay")
    document = found.to_dict()
    assert document["root"] == {"kind": "feature", "name": "late@1:delay"}
    assert len(document["nodes"]) == len(found.nodes)
    assert {edge["role"] for edge in document["edges"]} >= {"value", "filter"}
    lines = found.to_mermaid().splitlines()
    assert lines[0] == "flowchart LR"
    assert sum("-->" in line or "-.->" in line for line in lines) == len(found.edges)
    assert any('("late@1:delay")' in line for line in lines)
    assert "made from:" in str(found)


def test_a_quote_in_a_name_does_not_end_the_label() -> None:
    odd = Lineage(Node("column", 's."a b"'))
    assert '["s.#quot;a b#quot;"]' in odd.to_mermaid()
