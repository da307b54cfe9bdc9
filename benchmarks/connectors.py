"""What each connector costs before it does anything: what is installed for it, and what its import takes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.environments import Environment
from benchmarks.figures import Figure
from benchmarks.harness import Contender

BASE = ""
CONNECTORS = {
    "Redis": (BASE, "featurestore_connectors.redis"),
    "DuckDB files": (BASE, "featurestore_connectors.duckdb"),
    "SQLAlchemy": (BASE, "featurestore_connectors.sql"),
    "S3, Google's and Azure's storage": (BASE, "featurestore.sources.stores"),
    "PostgreSQL": ("postgres", "featurestore_connectors.postgres"),
    "Snowflake": ("snowflake", "featurestore_connectors.snowflake"),
    "pandas": ("pandas", "pandas"),
}
"""The extra that each needs, and the module that is imported for it."""

_IMPORT = "import featurestore"
# The import alone loads nothing; this is what reading any source needs.
_PARTS = "import featurestore.sources.arrow"
_MORE = (
    Figure("import on top", "on_top_ms", "ms"),
    Figure("more packages", "packages"),
    Figure("more on the disk", "megabytes", "MB"),
)


def extras(few: bool) -> list[str]:
    """The extras, each once and none first; only a few of them where it is about whether all runs."""
    found = list(dict.fromkeys(extra for extra, _ in CONNECTORS.values()))
    return found[:2] if few else found


def sizes(base: Environment, feast: Environment | None) -> list[Contender]:
    """The library as it is installed without extras, beside Feast with Redis and DuckDB."""
    figures = tuple(
        Figure(name, key, unit, goal=1.0, peer="import feast")
        for name, key, unit in (("packages", "packages", ""), ("on the disk", "megabytes", "MB"))
    )
    ours = Contender(_IMPORT, _job(_IMPORT, base, "ours"), figures=figures)
    if feast is None:
        return [ours]
    job = _job("import feast", feast, "feast")
    return [
        ours,
        Contender("import feast", job, figures=tuple(Figure(f.name, f.key, f.unit) for f in figures)),
    ]


def costs(environments: Mapping[str, Environment]) -> list[Contender]:
    """Each connector in the environment that has its extra, beside the library without one."""
    base = environments[BASE]
    without = [Contender(script, _job(script, base, "bare")) for script in (_IMPORT, _PARTS)]
    others = [
        Contender(
            f"connector: {name}",
            _job(f"{_IMPORT}, {module}", environments[extra], "ours")
            | {
                "packages": environments[extra].packages - base.packages,
                "megabytes": environments[extra].megabytes - base.megabytes,
            },
            floor=_PARTS,
            figures=_MORE,
        )
        for name, (extra, module) in CONNECTORS.items()
        if extra in environments
    ]
    return [*without, *others]


def with_sizes(contenders: Sequence[Contender]) -> None:
    """Put what was installed, and what the import takes more than the first one's, to what was measured."""
    least = statistics.median(one["seconds"] for one in contenders[0].measurements) if contenders else 0.0
    for contender in contenders:
        for one in contender.measurements:
            one["on_top_ms"] = (one["seconds"] - least) * 1e3
            one |= {key: contender.job[key] for key in ("packages", "megabytes")}


def _job(script: str, environment: Environment, kind: str) -> dict[str, object]:
    return {
        "kind": kind,
        "script": script,
        "python": str(environment.python),
        "packages": environment.packages,
        "megabytes": environment.megabytes,
    }
