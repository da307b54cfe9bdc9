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
_NEEDED = {"featurestore_connectors", "featurestore_registry", "numpy", "pyarrow", "redis", "sqlalchemy"}


@pytest.mark.parametrize("form", ["to_dict", "to_dicts", "to_numpy"])
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
        f"    read = store.get_online_features('punctuality', [{{'tailnum': 'N1'}}]).{form}()\n"
        "assert '2.5' in str(read)\n"
        "result = sorted(sys.modules)"
    )
    assert "featurestore.online.response" in loaded
    assert NOT_SERVING & set(loaded) == set()
    assert (HEAVY - _NEEDED) & {name.partition(".")[0] for name in loaded} == set()
    assert ("redis" in loaded) == online_url.startswith("redis")
