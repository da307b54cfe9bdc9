"""The benchmarks of data that are elsewhere: PostgreSQL, object storage, and what the connectors cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.data import FEATURES
from benchmarks.figures import Figure
from benchmarks.harness import Contender, measure, measure_scripts, measure_warm
from benchmarks.lake import ASKED as ASKED_OF_LAKE
from benchmarks.suites import Options, Outcome, Table
from benchmarks.warehouses.lake import PATH, Lake
from benchmarks.warehouses.lake import filled as stored
from benchmarks.warehouses.postgres import (
    ASKED,
    WITHOUT_INDEX,
    Warehouse,
    filled,
    sizes,
    table,
    without_index,
)

_ENGINES = ("ours (postgres)", "ours (duckdb)")
_FEWER_RUNS = 3
_SENT = (
    Figure("sent", "sent_mb", "MB"),
    Figure("of what is needed", "times_needed", "×"),
    Figure("requests", "requests"),
)


def postgres(options: Options) -> Outcome:
    """A large table into Arrow beside what the driver needs; and where a training frame is better made."""
    scale = options.scale
    with filled(scale) as warehouse:
        reading = [_reading(options, warehouse, form) for form in ("table", "stream")]
        runs = min(options.runs, _FEWER_RUNS)
        measure([contender for one in reading for contender in one.contenders], runs, None)
        cells = [
            (rows, asked, True) for rows in sizes(scale) for asked in ASKED if asked <= scale.entity_rows
        ]
        last = without_index(scale)
        cells += [(last, asked, False) for rows, asked, _ in cells if rows == last]
        frames = []
        for rows, asked, indexed in cells:
            frames.append(_frames(options, warehouse, rows, asked, indexed=indexed))
            measure_warm(frames[-1].contenders, 1 if rows > WITHOUT_INDEX else runs)
    return Outcome([*reading, *frames], warehouse.server)


def _reading(options: Options, warehouse: Warehouse, form: str) -> Table:
    rows = sizes(options.scale)[-1]
    job = {"benchmark": "postgres", "form": form, "url": warehouse.url, "table": table(rows)}
    bare = Contender("bare ADBC", job | {"kind": "bare"})
    ours = Contender(
        "ours", job | {"kind": "ours"}, floor=bare.name, goal=1.2, peak_ratio_goal=1.2
    )  # fmt: skip
    into = {"table": "into an Arrow table", "stream": "as a stream of batches"}[form]
    return Table(f"PostgreSQL table of {rows:,} rows × 20 floats {into}", options.chosen([bare, ours]))


def _frames(options: Options, warehouse: Warehouse, rows: int, asked: int, *, indexed: bool) -> Table:
    """The two engines, and what is chosen between them."""
    job: dict[str, Any] = {"benchmark": "in_place", "kind": "ours", "rows": rows, "asked": asked}
    job |= {"url": warehouse.url, "table": table(rows, indexed=indexed)}
    there, here = (
        Contender(name, job | {"engine": engine})
        for name, engine in zip(_ENGINES, ("postgres", "duckdb"), strict=True)
    )
    auto = Contender("ours (auto)", job | {"engine": "auto"}, floor=_ENGINES, goal=1.5)
    title = f"frame of {asked:,} rows over a PostgreSQL table of {rows:,}"
    title += "" if indexed else " without an index"
    return Table(title, options.chosen([there, here, auto]))


def lake(options: Options) -> Outcome:
    """A week of 90 days and 5 of 20 features from an object store: what the server sends for it."""
    tables = []
    with stored(options.scale) as store:
        for declared in (len(ASKED_OF_LAKE), len(FEATURES)):
            title = f"a week of 90 days, 5 of 20 columns, from an S3-compatible server; {declared} features declared"
            tables.append(Table(title, options.chosen(_lake(options, store, declared))))
        measure([contender for table in tables for contender in table.contenders], options.runs, None)
    return Outcome(tables, folder="lake")


def _lake(options: Options, store: Lake, declared: int) -> list[Contender]:
    job: dict[str, Any] = {"benchmark": "lake", "scale": options.scale.name, "case": f"lake-{declared}"}
    job |= {"path": PATH, "port": store.port, "environment": store.environment}
    hand = Contender("by hand, the folders known", job | {"kind": "lawful"}, figures=_SENT)
    held = tuple(replace(one, goal=1.5) if one.key == "times_needed" else one for one in _SENT)
    ours = [
        Contender(f"ours ({engine})", job | {"kind": "ours", "engine": engine}, floor=hand.name, figures=held)
        for engine in ("duckdb", "polars")
    ]
    return [hand, *ours]


def connectors(options: Options) -> Outcome:
    """What an installation takes, beside Feast's; and what each connector adds to it."""
    from benchmarks import connectors as each
    from benchmarks import feast_env
    from benchmarks.environments import Environment, installed

    feast = Environment.of(feast_env.ensure()) if options.feast_runs else None
    with installed(each.extras(few=options.scale.name == "smoke")) as environments:
        tables = [
            Table(
                "an installation without extras", options.chosen(each.sizes(environments[each.BASE], feast))
            ),
            Table("each connector, with its extra", options.chosen(each.costs(environments))),
        ]
        for table in tables:
            measure_scripts(table.contenders, options.runs)
            each.with_sizes(table.contenders)
    return Outcome(tables)


SUITES = {suite.__name__: suite for suite in (postgres, lake, connectors)}
DATA = {"lake": "lake"}
