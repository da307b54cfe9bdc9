"""The benchmarks: which contenders, against which floors, with which goals."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.data import ORDERS, Scale
from benchmarks.harness import Contender, measure
from benchmarks.redis_server import Server, started

OURS, BARE, FEAST = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    scale: Scale
    runs: int
    feast_runs: int
    only: str = ""

    def chosen(self, contenders: list[Contender]) -> list[Contender]:
        """The contenders that were asked for."""
        return [
            c for c in contenders
            if re.search(self.only, c.name) and not (c.is_feast and self.feast_runs == 0)
        ]  # fmt: skip


@dataclass(slots=True)
class Table:
    """The contenders that were measured side by side."""

    title: str
    contenders: list[Contender]


@dataclass(slots=True)
class Outcome:
    """What one command measured.

    Attributes:
        tables: to be shown one below the other.
        server: the version of the online store's server.
        folder: of the scale's files, where those that were read are.
        model: the costs that explain the times, by engine.
    """

    tables: list[Table]
    server: str | None = None
    folder: str = ""
    model: dict[str, Any] = field(default_factory=dict)


def historical(options: Options) -> Outcome:
    """(a) A training frame: all entity rows against one view."""
    tables = []
    with started() as server:
        for order in ORDERS:
            job = {"benchmark": "historical", "scale": options.scale.name, "order": order}
            contenders = options.chosen(_historical(job, options.feast_runs))
            measure(contenders, options.runs, server)
            tables.append(Table(f"training frame, source {order}", contenders))
    return Outcome(tables)


def _historical(job: dict[str, Any], feast_runs: int) -> list[Contender]:
    floors = [
        Contender(f"{engine} {kind}", job | {"kind": kind, "engine": engine}, floor=f"{engine} lawful")
        for kind in ("lawful", "bare")
        for engine in ("duckdb", "polars")
    ]
    ours = [
        Contender(
            f"ours ({engine})",
            job | {"kind": "ours", "engine": engine},
            floor=f"{engine} lawful",
            goal=1.5,
            feast_goal=15.0 if engine == "duckdb" else None,
            peak_goal=4 * 2**30,
        )
        for engine in ("duckdb", "polars")
    ]
    return [*floors, *ours, feast(job, "duckdb", feast_runs)]


def materialize(options: Options) -> Outcome:
    """(c) The latest row of every entity, into an online store."""
    tables = []
    with started() as server:
        for order in ORDERS:
            job = {"benchmark": "materialize", "scale": options.scale.name, "order": order}
            contenders = options.chosen(_materialize(job, options.feast_runs, server))
            measure(contenders, options.runs, server)
            tables.append(Table(f"materialization, source {order}", contenders))
        return Outcome(tables, server.version())


def _materialize(job: dict[str, Any], feast_runs: int, server: Server) -> list[Contender]:
    engines = ("duckdb", "polars")
    written = tuple(f"{engine} query, bare MSET" for engine in engines)
    into_redis = [
        Contender(
            f"ours ({engine}) into redis",
            job | {"kind": "ours", "engine": engine},
            floor=written,
            goal=3.0,
            feast_goal=15.0,
            database=OURS,
        )
        for engine in engines
    ]
    into_sqlite = [
        Contender(
            f"ours ({engine}) into sqlite",
            job | {"kind": "ours", "engine": engine},
            floor=f"{engine} query only",
        )
        for engine in engines
    ]
    by_hand = job | {"kind": "floor"}
    only = [Contender(f"{engine} query only", by_hand | {"engine": engine}) for engine in engines]
    # They come after ours, because they take the sizes of keys and rows from what it wrote.
    bare = [
        Contender(name, by_hand | {"engine": engine, "model": server.url(OURS)}, database=BARE)
        for name, engine in zip(written, engines, strict=True)
    ]
    # Feast's DuckDB offline store fails in `materialize` on DuckDB 2 (TIMESTAMPTZ_NS): its default is used.
    return [*into_redis, *bare, *only, *into_sqlite, feast(job, "dask", feast_runs)]


def transforms(options: Options) -> Outcome:
    """A training frame of five SQL expressions, beside one of five columns and the bare projection."""
    tables = []
    for order in ORDERS:
        job = {"benchmark": "transforms", "scale": options.scale.name, "order": order}
        contenders = []
        for engine in ("duckdb", "polars"):
            floor = f"plain columns ({engine}), and the projection"
            contenders += [
                Contender(floor, job | {"kind": "floor", "engine": engine}),
                Contender(f"SQL ({engine})", job | {"kind": "ours", "engine": engine}, floor=floor, goal=1.2),
            ]
        contenders = options.chosen(contenders)
        measure(contenders, options.runs, None)
        tables.append(Table(f"SQL transform of five expressions, source {order}", contenders))
    return Outcome(tables)


def statistics(options: Options) -> Outcome:
    """A training frame with the profile of its 20 features, beside the frame alone."""
    tables = []
    for order in ORDERS:
        job = {"benchmark": "statistics", "scale": options.scale.name, "order": order}
        contenders = []
        for engine in ("duckdb", "polars"):
            floor = f"frame ({engine})"
            contenders += [
                Contender(floor, job | {"kind": "floor", "engine": engine}),
                Contender(
                    f"frame and profile ({engine})",
                    job | {"kind": "ours", "engine": engine},
                    floor=floor,
                    goal=1.3,
                ),
            ]
        contenders = options.chosen(contenders)
        measure(contenders, options.runs, None)
        tables.append(Table(f"profile of a training frame, source {order}", contenders))
    return Outcome(tables)


def aggregations(options: Options) -> Outcome:
    """Aggregations at every entity row: of like entities, of one with half of the events, and thirty of them."""
    job = {"benchmark": "aggregations", "scale": options.scale.name, "skew": "uniform"}
    simple = _aggregations(job | {"wanted": "nine"}, ["range join", "window frames"], goal=0.5)
    hot = _aggregations(job | {"wanted": "nine", "skew": "hot"}, ["window frames"])
    hot[0].runs = 1  # it takes minutes
    thirty = _aggregations(job | {"wanted": "thirty"}, ["range join"])
    sums = _aggregations(job | {"wanted": "sums"}, ["prefix sums"])
    tables = [
        Table("9 aggregations over 3 windows", options.chosen(simple)),
        Table("the same, where one entity has half of the events", options.chosen(hot)),
        Table("30 aggregations of 3 columns over 5 windows", options.chosen(thirty)),
        Table("6 counts and sums over 3 windows", options.chosen(sums)),
    ]
    measure([contender for table in tables for contender in table.contenders], options.runs, None)
    growth = [
        *(_without_answer(c, c.name) for c in _ours(tables[0])),
        *(_without_answer(c, f"{c.name}, hot entity", floor=c.name, goal=1.3) for c in _ours(tables[1])),
        *(_without_answer(c, f"{c.name}, 30 of them", floor=c.name, goal=4.0) for c in _ours(tables[2])),
    ]
    return Outcome([*tables, Table("how the time of the 9 grows", growth)])


def _aggregations(job: dict[str, Any], queries: list[str], goal: float | None = None) -> list[Contender]:
    floors = [Contender(query, job | {"kind": query}) for query in queries]
    ours = [
        Contender(f"ours ({engine})", job | {"kind": "ours", "engine": engine}, floor=queries[0], goal=goal)
        for engine in ("duckdb", "polars")
    ]
    return [*floors, *ours]


def _ours(table: Table) -> list[Contender]:
    return [contender for contender in table.contenders if contender.job["kind"] == "ours"]


def _without_answer(
    contender: Contender, name: str, floor: str | None = None, goal: float | None = None
) -> Contender:
    """The same beside others that were asked something else; its answer was compared in a table of its own."""
    kept = [{k: v for k, v in one.items() if k != "answer"} for one in contender.measurements]
    return replace(contender, name=name, floor=floor, goal=goal, measurements=kept)


def feast(job: dict[str, Any], engine: str, runs: int) -> Contender:
    return Contender(
        f"feast ({engine})", job | {"kind": "feast", "engine": engine}, database=FEAST, runs=runs
    )  # fmt: skip


SUITES = {suite.__name__: suite for suite in (historical, transforms, aggregations, statistics, materialize)}
