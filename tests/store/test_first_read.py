"""What a process loads that only serves: no engine, no frame library, nothing that plans, reads or computes."""

from __future__ import annotations

from pathlib import Path

import pytest

import featurestore as fs
from tests.packaging.test_imports import HEAVY, in_a_fresh_interpreter
from tests.store.conftest import NOON, Arrivals

NOT_SERVING = {
    "featurestore.definitions.database",
    "featurestore.definitions.expectations",
    "featurestore.definitions.splits",
    "featurestore.engines",
    "featurestore.expectations",
    "featurestore.frames.times",
    "featurestore.lineage",
    "featurestore.materialize",
    "featurestore.online.push",
    "featurestore.planning.aggregations",
    "featurestore.planning.apply",
    "featurestore.planning.changes",
    "featurestore.planning.point_in_time",
    "featurestore.protocols.offline",
    "featurestore.sources",
    "featurestore.statistics",
    "featurestore.transforms",
    "featurestore.windows",
    "pyarrow.compute",
    "pyarrow.csv",
    "pyarrow.parquet",
}
_ALWAYS = {"featurestore_connectors", "featurestore_registry", "redis", "sqlalchemy"}
_NEEDS = {
    "to_dict()": _ALWAYS,
    "to_dicts()": _ALWAYS,
    "statuses, read.event_timestamps, read.to_dicts()": _ALWAYS,
    "to_numpy()": {*_ALWAYS, "numpy"},
}


@pytest.mark.parametrize("form", _NEEDS)
def test_a_first_online_read_loads_only_what_it_needs(
    form: str, arrivals: Arrivals, online_url: str, tmp_path: Path
) -> None:
    registry = f"sqlite:///{tmp_path}/registry.db"
    with fs.FeatureStore(registry=registry, online=online_url, offline="duckdb", project="flights") as store:
        arrivals.add("N1", NOON, 2.5)
        store.apply([arrivals.view()])
        store.materialize(end=NOON)
    loaded = in_a_fresh_interpreter(
        "import sys\nimport featurestore as fs\n"
        f"with fs.FeatureStore(registry={registry!r}, online={online_url!r}, project='flights') as store:\n"
        "    rows = [{'tailnum': 'N1'}, {'tailnum': 'N2'}, {'tailnum': None}]\n"
        "    read = store.get_online_features('punctuality', rows)\n"
        f"    values = read.{form}\n"
        "assert '2.5' in str(values)\n"
        "result = sorted(sys.modules)"
    )
    assert "featurestore.online.response" in loaded
    assert NOT_SERVING & set(loaded) == set()
    assert (HEAVY - _NEEDS[form]) & {name.partition(".")[0] for name in loaded} == set()
    assert ("redis" in loaded) == online_url.startswith("redis")
