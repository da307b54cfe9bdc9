"""A process that materializes, or makes a training set, and kills itself with SIGKILL while expectations are checked.

python -m tests.expectations.killed_check REGISTRY ONLINE ENGINE KIND POINT
"""

from __future__ import annotations

import sys
from typing import Any

import featurestore as fs
from featurestore.expectations import rows, run
from featurestore.expectations.batches import ValueChecks
from featurestore.expectations.files import FailingRowFiles
from tests.store.conftest import HOUR, NOON
from tests.store.killed_run import die

POINTS = ["source", "values", "decided", "rows_kept", "results_recorded"]


def main() -> None:
    registry, online, engine, kind, point = sys.argv[1:]
    store = fs.FeatureStore(registry=registry, online=online, offline=engine, project="flights")
    arrange(store, point)
    work = store.materialize if kind == "full" else store.materialize_incremental
    work(end=NOON + HOUR)


def arrange(store: fs.FeatureStore, point: str) -> None:
    if point == "source":
        kill(rows.RowChecks, "_unique")
    elif point == "values":
        kill(ValueChecks, "add")
    elif point == "decided":
        kill(run.RunChecks, "finish", after=True)
    elif point == "rows_kept":
        kill(FailingRowFiles, "keep", after=True)
    elif point == "results_recorded":
        kill(type(store.project.registry), "add_run_checks", after=True)


def kill(owner: Any, method: str, *, after: bool = False) -> None:
    original = getattr(owner, method)

    def dying(*positional: Any, **named: Any) -> None:
        try:
            if after:
                original(*positional, **named)
        finally:
            die()

    setattr(owner, method, dying)


if __name__ == "__main__":
    main()
