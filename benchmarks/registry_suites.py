"""The benchmark of a large registry beside a smaller one."""

from __future__ import annotations

from typing import Any

from benchmarks.harness import Contender, measure
from benchmarks.registries.acts import ACTS, GROWS
from benchmarks.suites import Options, Outcome, Table


def registry(options: Options) -> Outcome:
    """A registry of 5,000 views, 100 versions each and a million runs, beside one of a tenth of it."""
    from benchmarks.registries.suite import filled

    tables = []
    for database in ("sqlite", "postgresql"):
        with filled(database, options.scale.name) as registries:
            contenders = options.chosen([c for act in ACTS for c in _asked(act, registries)])
            measure(contenders, options.runs, None)
            sizes = ", ".join(f"{r['size']}: {r['megabytes']:,.0f} MB" for r in registries)
        tables.append(Table(f"registry in {database} ({sizes})", contenders))
    return Outcome(tables)


def _asked(act: str, registries: list[dict[str, Any]]) -> list[Contender]:
    job = {"benchmark": "registry", "kind": "ours", "act": act}
    smaller, larger = ({**job, **one, "calls": 3 if act in GROWS else 20} for one in registries)
    goal = None if act in GROWS else 1.5
    return [
        Contender(f"{act}, {smaller['size']}", smaller),
        Contender(f"{act}, {larger['size']}", larger, floor=f"{act}, {smaller['size']}", goal=goal),
    ]


SUITES = {suite.__name__: suite for suite in (registry,)}
