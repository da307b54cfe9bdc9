"""A process that applies one view of its own, the moment a file appears: ``REGISTRY NAME GO``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import featurestore as fs


def main() -> None:
    registry, name, go = sys.argv[1:]
    source = fs.ParquetSource("shared", path="rows.parquet", event_timestamp="t")
    entity = fs.Entity("thing", join_keys={"id": fs.Int64})
    view = fs.FeatureView(name, entities=[entity], source=source, features=[fs.Feature("x", fs.Float64)])
    with fs.FeatureStore(registry=registry, online="memory://", project="crowd") as store:
        print("ready", flush=True)
        while not Path(go).exists():
            time.sleep(0.001)
        store.apply([view])


if __name__ == "__main__":
    main()
