"""The benchmarks of serving: reads on Redis, reads from the embedded store, the start of a process."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks import cold, rows
from benchmarks.figures import Figure
from benchmarks.harness import Contender, measure, measure_calls, measure_scripts
from benchmarks.redis_server import Server, started
from benchmarks.suites import BARE, FEAST, OURS, Options, Outcome, Table, feast

_READ_FIGURES = (
    Figure("CPU per value", "cpu_us_per_value", "µs"),
    Figure("reads/s on a core", "calls_per_second"),
    Figure("server CPU for a read", "server_us_per_call", "µs"),
)
# Of one entity the round trip alone costs more than that for each of its ten values.
_CPU_FIGURES = (replace(_READ_FIGURES[0], goal=1.0), *_READ_FIGURES[1:])
_CALLS = {1: 200, 10: 100, 100: 50, 1_000: 10}
_AT_ONCE = 32


def online(options: Options) -> Outcome:
    """Reads on Redis: numbers of entities and views, forms, with and without an event loop."""
    rows.make(options.scale)
    tables = []
    with started() as server:
        server.keep_to_last_cpu()
        wide = len(rows.NAMES)
        for messages, with_feast, width in (
            (_messages(), False, rows.WIDTH),
            (_feast_messages(rows.VIEWS), True, rows.WIDTH),
            (_feast_messages(1), True, wide),
        ):
            contenders = options.chosen(_online(options, server, with_feast=with_feast, width=width))
            measured = measure_calls(contenders, options.runs, server, messages)
            for message, table in zip(messages, measured, strict=True):
                figures = _READ_FIGURES if message["entities"] == 1 else _CPU_FIGURES
                for contender in table:
                    contender.figures = figures if contender.job["kind"] == "ours" else _READ_FIGURES
                    contender.feast_goal = contender.feast_goal if message["entities"] > 1 else None
                tables.append(Table(_title(message, width), table))
        version = server.version()
    return Outcome(tables, version)


def _messages() -> list[dict[str, Any]]:
    grid = [
        {"entities": entities, "views": views, "form": form, "mode": mode, "calls": calls}
        for mode in ("sync", "async")
        for views in (1, rows.VIEWS)
        for entities, calls in _CALLS.items()
        for form in ("dicts", "numpy")
    ]
    together = [
        {"entities": 1, "views": views, "form": "dicts", "mode": "async", "calls": 640, "at_once": _AT_ONCE}
        for views in (1, rows.VIEWS)
    ]
    return grid + together


def _feast_messages(views: int) -> list[dict[str, Any]]:
    return [
        {"entities": entities, "views": views, "form": "dicts", "mode": "sync", "calls": calls}
        for entities, calls in ((1, 100), (100, 50))
    ]


def _title(message: dict[str, Any], width: int) -> str:
    count, views = message["entities"], message["views"]
    text = f"{count:,} {'entity' if count == 1 else 'entities'} × {views * width} features"
    text += f" in {views} {'view' if views == 1 else 'views'}, {message['form']}, {message['mode']}"
    return text + (f", {message['at_once']} at once" if "at_once" in message else "")


def _online(options: Options, server: Server, *, with_feast: bool, width: int) -> list[Contender]:
    job = {"benchmark": "online", "scale": options.scale.name, "width": width}
    ours = Contender("ours", job | {"kind": "ours"}, floor="bare MGET", goal=1.5, database=OURS)
    bare = Contender("bare MGET", job | {"kind": "bare", "model": server.url(OURS)}, database=BARE)
    if not with_feast:
        return [ours, bare]
    peer = feast(job, "dask", options.feast_runs)
    peer.database, peer.forms = FEAST, ("dicts",)
    # Ours comes first: the bare read takes the sizes of its keys and rows.
    return [replace(ours, feast_goal=30.0), bare, peer]


def embedded(options: Options) -> Outcome:
    """Reads from the embedded store: one process alone, and several while one writes."""
    rows.make(options.scale)
    tables = []
    for views in (1, rows.VIEWS):
        job = {"benchmark": "embedded", "scale": options.scale.name, "views": views}
        contenders = options.chosen(
            [
                Contender("bare query", job | {"kind": "bare"}),
                Contender("lawful query", job | {"kind": "lawful"}),
                Contender("ours", job | {"kind": "ours"}, floor="lawful query", goal=1.7),
            ]
        )
        messages = [{"entities": entities, "form": "dicts", "calls": 200} for entities in (1, 100)]
        measured = measure_calls(contenders, options.runs, None, messages)
        tables += [
            Table(f"SQLite, {m['entities']} × 50 features in {views} {'view' if views == 1 else 'views'}", t)
            for m, t in zip(messages, measured, strict=True)
        ]
    return Outcome([*tables, _beside_a_writer(options)])


def _beside_a_writer(options: Options) -> Table:
    figures = (
        Figure("reads/s", "calls_per_second"),
        Figure("rows written", "rows_written"),
        Figure("wrong answers", "wrong", goal=0),
    )
    job = {"benchmark": "embedded", "scale": options.scale.name, "views": 1, "kind": "ours", "readers": 4}
    quiet = Contender("4 readers", job | {"writing": False}, figures=figures)
    busy = Contender("4 readers, 1 writer", job | {"writing": True}, floor=quiet.name, figures=figures)
    chosen = options.chosen([quiet, busy])
    measure(chosen, options.runs, None)
    return Table("SQLite, 1 × 50 features, many processes", chosen)


def imports(options: Options) -> Outcome:
    """What a process costs before it does anything, and what an installation takes."""
    with cold.prepared(options) as scripts:
        tables = [Table(title, options.chosen(contenders)) for title, contenders in scripts]
        for table in tables:
            measure_scripts(table.contenders, options.runs)
    return Outcome(tables)


SUITES = {suite.__name__: suite for suite in (online, embedded, imports)}
