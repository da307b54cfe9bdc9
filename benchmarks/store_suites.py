"""The benchmarks of what Redis holds: writing many rows, the memory that they take, reads while they are written."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from benchmarks import rows
from benchmarks.figures import Figure
from benchmarks.harness import Contender, Process, measure, process
from benchmarks.redis_server import Server, started
from benchmarks.suites import BARE, OURS, Options, Outcome, Table, feast

_PARTS = (1, 2, 5)
# So little that the smallest part fills it: below its limit the engine takes what it needs.
_LIMITED = "memory_limit=128MB&threads=2"
_THROTTLED = (20_000,)
# Whether a run's p99 meets a stall of the machine is chance: that of one is twice that of the next. So they are
# short, and many in turn.
_ROUNDS = 3
_RATE = Figure("rows/s", "rows_per_second")


def writes(options: Options) -> Outcome:
    """Fifty rows for each entity of the scale, of ten features: into an empty database, and over older rows."""
    counts = [options.scale.entities * 50 * part // max(_PARTS) for part in _PARTS]
    rows.make(options.scale, counts)
    size = f"{counts[-1]:,} rows × {rows.WIDTH} features"
    with started() as server:
        tables = [
            Table(f"{size} into an empty database", _written(options, server, counts[-1], over=False)),
            Table(
                f"{size} over older ones, the newest wins", _written(options, server, counts[-1], over=True)
            ),
            Table(f"memory as the rows become more ({_LIMITED})", _growing(options, counts)),
        ]
        for table in tables:
            table.contenders = options.chosen(table.contenders)
        measure([contender for table in tables for contender in table.contenders], options.runs, server)
        version = server.version()
    return Outcome(tables, version, folder="online")


def _written(options: Options, server: Server, count: int, *, over: bool) -> list[Contender]:
    job = {"benchmark": "writes", "scale": options.scale.name, "rows": count, "over": over}
    floor = "bare script" if over else "bare MSET"
    ours = job | {"kind": "ours", "offline": "duckdb", "compared": True}
    bare = job | {"kind": "bare", "model": server.url(OURS)}
    return [
        # Ours comes first: the bare writes take the sizes of its keys and rows.
        Contender("ours", ours, floor=floor, goal=3.0, database=OURS, figures=(_RATE,)),
        Contender(floor, bare, database=BARE, figures=(_RATE,)),
    ]


def _growing(options: Options, counts: list[int]) -> list[Contender]:
    job = {"benchmark": "writes", "scale": options.scale.name, "kind": "ours", "over": False}
    job |= {"offline": f"duckdb?{_LIMITED}", "compared": False}
    smallest, *larger = [f"ours, {count:,} rows" for count in counts]
    peak = Figure("peak memory", "peak_mb", "MB")
    beside = replace(peak, goal=1.2, peer=smallest)
    return [
        Contender(smallest, job | {"rows": counts[0]}, database=OURS, figures=(_RATE, peak)),
        *(
            Contender(name, job | {"rows": count}, database=OURS, figures=(_RATE, beside))
            for name, count in zip(larger, counts[1:], strict=True)
        ),
    ]


def memory(options: Options) -> Outcome:
    """What a row takes in Redis, and its parts: of twenty floats, beside Feast, and of one."""
    rows.make(options.scale)
    tables = []
    with started() as server:
        for features in (20, 1):
            job = {"benchmark": "memory", "scale": options.scale.name, "features": features}
            peer = feast(job, "dask", options.feast_runs)
            peer.figures = _memory_figures(None, None)
            goal = 0.6 if features == 20 else None
            ours = Contender("ours", job | {"kind": "ours"}, database=OURS)
            ours.figures = _memory_figures(peer.name, goal)
            contenders = options.chosen([ours, peer])
            measure(contenders, options.runs, server)
            text = f"memory of {options.scale.entities:,} rows of {features} {'float' if features == 1 else 'floats'}"
            tables.append(Table(text, contenders))
        version = server.version()
    return Outcome(tables, version, folder="online")


def _memory_figures(peer: str | None, goal: float | None) -> tuple[Figure, ...]:
    return (
        Figure("bytes for a row", "bytes_per_row", goal=goal, peer=peer),
        Figure("MEMORY USAGE", "memory_usage", goal=goal, peer=peer),
        Figure("key", "name_bytes"),
        Figure("value", "payload_bytes"),
    )


def load(options: Options) -> Outcome:
    """Reads at half the highest rate, alone and while another process materializes into the same Redis."""
    count = options.scale.entities * 10
    rows.make(options.scale, [count])
    tables = []
    with started() as server:
        server.keep_to_last_cpu()
        job = {"benchmark": "load", "scale": options.scale.name, "kind": "ours", "rows": count}
        job["beside"] = server.url(BARE)
        reader = Contender("reads", job, database=OURS)
        with process(reader, server) as running:
            for entities in (1, 100):
                contenders = options.chosen(_loaded(job | {"entities": entities}, reader))
                rate = _half_the_highest(running, entities)
                for number, contender in itertools.product(range(options.runs * _ROUNDS), contenders):
                    message = contender.job | {"rate": rate, "seed": number}
                    contender.measurements.append(running.ask(message))
                tables.append(Table(_load_title(entities, rate), contenders))
        version = server.version()
    return Outcome(tables, version, folder="online")


def _half_the_highest(running: Process, entities: int) -> float:
    found = running.ask({"entities": entities, "rate": None, "seed": 0})
    return float(found["calls_per_second"]) / 2


def _load_title(entities: int, rate: float) -> str:
    of = f"{entities} {'entity' if entities == 1 else 'entities'} × {rows.VIEWS * rows.WIDTH} features"
    return (
        f"{of}, async, {rate:,.0f} reads/s, half of the most (from when they are due; the server has a processor to "
        "itself, a materialization what the readers leave of theirs)"
    )


def _loaded(job: dict[str, Any], reader: Contender) -> list[Contender]:
    alone = "reads alone"
    rates = {"reads beside a materialization": None} | {
        f"reads beside one of {rate:,} rows/s": rate for rate in _THROTTLED
    }
    figures = (
        Figure("p99 of a run", "p99_us", "µs", goal=2.0, peer=alone),
        Figure("p99.9", "p999_us", "µs", peer=alone),
        Figure("rows/s beside", "rows_written_per_second"),
    )
    of_alone = (replace(figures[0], goal=None, peer=None), replace(figures[1], peer=None))
    writing = job | {"writing": True}
    beside = [
        Contender(name, writing | {"max_rows_per_second": rate}, floor=alone, figures=figures)
        for name, rate in rates.items()
    ]
    quiet = Contender(alone, job | {"writing": False, "max_rows_per_second": None}, figures=of_alone)
    return [replace(contender, versions=reader.versions) for contender in (quiet, *beside)]


SUITES: dict[str, Any] = {suite.__name__: suite for suite in (writes, memory, load)}
