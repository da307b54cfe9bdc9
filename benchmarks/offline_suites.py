"""The benchmarks of training frames beyond the one large view."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.growth import DIMENSIONS, Size
from benchmarks.harness import Contender, Measurement, measure
from benchmarks.report import Summary
from benchmarks.shapes import SHAPES
from benchmarks.suites import Options, Outcome, Table

ENGINES = ("duckdb", "polars")
_OURS = tuple(f"ours ({engine})" for engine in ENGINES)
_AUTO = "ours (auto)"
VIEWS = 5


def views(options: Options) -> Outcome:
    """Five large views in one request, beside one of them."""
    one = _table(options, "views-1", "one view", ("lawful",), goal=1.5)
    five = _table(options, f"views-{VIEWS}", f"{VIEWS} views in one request", ("lawful",), goal=1.5)
    measure([*one.contenders, *five.contenders], options.runs, None)
    growth = [
        replace(_alone(contender, f"{contender.name}, {table.title}"), goal=goal, peak_ratio_goal=goal)
        for table, goal in ((one, None), (five, float(VIEWS)))
        for contender in _ours(table)
    ]
    for contender in growth[len(growth) // 2 :]:
        contender.floor = contender.name.replace(five.title, one.title)
    return Outcome([one, five, Table("how five views grow over one", growth)])


def zones(options: Options) -> Outcome:
    """Many entity rows against two small views, in the shape of the Hopsworks benchmark."""
    tables = [
        _table(options, "zones", f"two small views, to {to}", ("as_of", "lawful", "bare"), goal=1.2, to=to)
        for to in ("arrow", "parquet")
    ]
    for table in tables:
        # DuckDB's narrow match has nothing to gain where the views themselves are narrow.
        table.contenders = [c for c in table.contenders if c.name != "duckdb lawful"]
    measure([contender for table in tables for contender in table.contenders], options.runs, None)
    return Outcome(tables, folder="zones")


def shapes(options: Options) -> Outcome:
    """Wide rows, string keys, two keys, a hot entity, expired rows: beside the plain case, for each byte."""
    tables = [
        _table(options, f"{shape}-{order}", f"{shape}, source {order}", ("lawful",))
        for shape in SHAPES
        for order in ("sorted", "shuffled")
    ]
    measure([contender for table in tables for contender in table.contenders], options.runs, None)
    plain = {c.job["engine"]: c for c in tables[0].contenders if c.name in _OURS}
    by_size = [
        _for_as_many_bytes(contender, table.title, plain[contender.job["engine"]])
        for table in tables
        for contender in _ours(table)
        if contender.job["engine"] in plain
    ]
    title = "the time for as many bytes as the plain case has"
    return Outcome([*tables, Table(title, by_size)], folder="shapes")


def pruning(options: Options) -> Outcome:
    """Little of much: 5 of 200 features, and a week of a source with a folder for each day."""
    titles = {
        "columns-5": "5 of 200 features, from a cold disk",
        "columns-200": "all 200 features, from a cold disk",
        "days-6": "a week of 90 days in folders by day, from a cold disk",
        "days-90": "all 90 days, from a cold disk",
    }
    tables = []
    for case, title in titles.items():
        table = _table(options, case, title, ("lawful",), cold=True)
        # Written by hand for one file: DuckDB counts the rows of each file for itself.
        table.contenders = [c for c in table.contenders if c.name != "duckdb lawful"]
        for contender in _ours(table):
            contender.read_goal = 1.5
        tables.append(table)
    measure([contender for table in tables for contender in table.contenders], options.runs, None)
    return Outcome(tables, folder="pruning")


def large(options: Options) -> Outcome:
    """Larger than memory: ten times the scale's rows from file to file, under a limit of memory."""
    limit = {"full": "4GB", "tenth": "400MB", "smoke": "200MB"}[options.scale.name]
    job = {"benchmark": "large", "scale": options.scale.name, "case": "large", "memory_limit": limit}
    contenders = [
        Contender("duckdb lawful", job | {"kind": "lawful", "engine": "duckdb"}),
        Contender(
            "ours (duckdb)",
            job | {"kind": "ours", "engine": f"duckdb?memory_limit={limit}"},
            floor="duckdb lawful",
            goal=1.5,
            peak_goal=5 * 10**9,
        ),
    ]
    table = Table(f"from file to file under a limit of {limit}", options.chosen(contenders))
    measure(table.contenders, options.runs, None)
    return Outcome([table], folder="large")


def growth(options: Options) -> Outcome:
    """How training frames grow with source rows, entity rows, entities, features and views."""
    from benchmarks import model

    tables = [_growing(options, dimension) for dimension in DIMENSIONS]
    contenders = [contender for table in tables for contender in table.contenders]
    measure(contenders, options.runs, None)
    for contender in contenders:  # others were asked something else: each is compared in time only
        contender.measurements = _without_answer(contender.measurements)
    costs = {}
    for engine in ENGINES:
        points = [
            model.Point(Size.parse(c.job["case"].partition("-")[2]), Summary.of(c.measurements).median)
            for c in contenders
            if c.job["engine"] == engine
        ]
        costs[engine] = model.fit(points, options.scale)
    return Outcome(tables, folder="growth", model=costs)


def _growing(options: Options, dimension: str) -> Table:
    """The sizes of one dimension; each may take as many times the smallest one's time as it is larger."""
    job = {"benchmark": "frames", "scale": options.scale.name, "kind": "ours"}
    sizes = {_amount(options, dimension, size): size for size in DIMENSIONS[dimension]}
    least = min(sizes)
    contenders = [
        Contender(
            f"{amount:,}, {engine}",
            job | {"case": f"growth-{size.name}", "engine": engine},
            floor=None if amount == least else f"{least:,}, {engine}",
            goal=None if amount == least else amount / least,
        )
        for amount, size in sizes.items()
        for engine in ENGINES
    ]
    return Table(f"growth with {dimension}", options.chosen(contenders))


def _amount(options: Options, dimension: str, size: Size) -> int:
    sized = size.sized(options.scale)
    return {
        "rows": sized.source_rows,
        "entity rows": sized.entity_rows,
        "entities": sized.entities,
        "features": size.features,
        "views": size.views,
    }[dimension]


def _table(
    options: Options, case: str, title: str, kinds: tuple[str, ...], goal: float | None = None, **job: Any
) -> Table:
    """Floors of some kinds and the library, with each engine; and with the one that it chooses itself."""
    base = {"benchmark": "frames", "scale": options.scale.name, "case": case} | job
    floors = [
        Contender(f"{engine} {kind}", base | {"kind": kind, "engine": engine})
        for kind in kinds
        for engine in ENGINES
    ]
    lawful = tuple(floor.name for floor in floors if floor.job["kind"] != "bare")
    ours = [
        Contender(f"ours ({engine})", base | {"kind": "ours", "engine": engine}, floor=lawful)
        for engine in ENGINES
    ]
    auto = Contender(_AUTO, base | {"kind": "ours", "engine": "auto"}, floor=_OURS, goal=1.5)
    if goal is not None:
        auto.floor, auto.goal = lawful, goal
    return Table(title, options.chosen([*floors, *ours, auto]))


def _ours(table: Table) -> list[Contender]:
    return [contender for contender in table.contenders if contender.job["kind"] == "ours"]


def _alone(contender: Contender, name: str) -> Contender:
    """The same without a floor; its answer was compared in a table of its own."""
    kept = _without_answer(contender.measurements)
    return replace(contender, name=name, floor=None, goal=None, measurements=kept)


def _without_answer(measurements: list[Measurement]) -> list[Measurement]:
    return [{k: v for k, v in one.items() if k != "answer"} for one in measurements]


def _for_as_many_bytes(contender: Contender, title: str, plain: Contender) -> Contender:
    """Its times as they would be if the files and the result were as large as the plain case's."""
    size: Measurement = plain.measurements[0]
    shown = _alone(contender, f"{contender.name}, {title}")
    for one in shown.measurements:
        one["seconds"] *= size["bytes"] / one["bytes"]
    if title != _PLAIN:
        shown.floor, shown.goal = f"{contender.name}, {_PLAIN}", 2.0
    return shown


_PLAIN = "plain, source sorted"
SUITES = {suite.__name__: suite for suite in (views, zones, shapes, pruning, large, growth)}
DATA = {
    "views": "data",
    "zones": "zones",
    "shapes": "shapes",
    "pruning": "pruning",
    "large": "large",
    "growth": "growth",
}
