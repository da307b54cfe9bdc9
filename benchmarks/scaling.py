"""What the newest results say of growth, as the tables of ``docs/scaling.md``: fitted costs, and what follows.

A part whose results are not there is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.figures import number

Result = dict[str, Any]

# What is asked for at the end of the document.
ENTITIES = 10**9
FEATURES = 20
EVENTS = 10**12
YEARS = 3
READS = 10**6
VIEWS = 5
SHARD_BYTES = 32 * 2**30
USED_SHARE = 0.7

_READ = re.compile(r"^([\d,]+) entit\w+ × (\d+) features in (\d+) views?, dicts, sync$")
_WRITTEN = re.compile(r"^ours, ([\d,]+) rows$")
_ROW = re.compile(r"^memory of [\d,]+ rows of (\d+) floats?$")


def sections(results: list[Result]) -> str:
    """The tables, one below the other."""
    by_name = {result["benchmark"]: result for result in results}
    parts: list[tuple[str, Callable[..., Iterator[str]]]] = [
        ("growth", _frames), ("online", _reads), ("writes", _writes), ("memory", _memory),
    ]  # fmt: skip
    texts = ["\n".join(part(by_name[name])) for name, part in parts if name in by_name]
    if all(name in by_name for name, _ in parts):
        texts.append("\n".join(_what_follows(by_name)))
    return "\n\n".join(texts)


def _table(*rows: tuple[str, ...]) -> Iterator[str]:
    head, *rest = rows
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rest:
        yield f"| {' | '.join(row)} |"


def _frames(growth: Result) -> Iterator[str]:
    models = growth["model"]
    names = [name for name in next(iter(models.values())) if name != "at most off by"]
    count = sum(len(table["contenders"]) for table in growth["tables"]) // len(models)
    yield f"### Training frames, from {count} sizes\n"
    yield from _table(
        ("cost", *models),
        *((name, *(number(model[name]) for model in models.values())) for name in names),
        ("the model is off by at most", *(f"{model['at most off by']:.0%}" for model in models.values())),
    )


def _reads(online: Result) -> Iterator[str]:
    rows, seconds, server = _read_points(online)
    yield f"### Reads on Redis into dicts, from {len(rows)} sizes\n"
    fits = {"until the answer": _line(rows, seconds), "processor of the server": _line(rows, server)}
    yield from _table(
        ("cost", "µs for a read", "µs for a row of 10 features", "off by at most"),
        *((name, number(a), number(b), f"{off:.0%}") for name, (a, b, off) in fits.items()),
    )


def _read_points(online: Result) -> tuple[list[float], list[float], list[float]]:
    """Rows, and microseconds of the whole read and of the server, for each size."""
    rows, seconds, server = [], [], []
    for table in online["tables"]:
        found = _READ.match(table["title"])
        ours = [one for one in table["contenders"] if one["name"] == "ours"]
        if found and ours and not any("feast" in one["name"] for one in table["contenders"]):
            rows.append(float(found[1].replace(",", "")) * int(found[3]))
            seconds.append(ours[0]["median_seconds"] * 1e6)
            server.append(_figure(ours[0], "server CPU for a read"))
    return rows, seconds, server


def _line(x: list[float], y: list[float]) -> tuple[float, float, float]:
    """Intercept and slope by least squares of relative errors, and how far off a point is at most."""
    wanted = np.array(y)
    matrix = np.column_stack([np.ones(len(x)), x])
    a, b = np.linalg.lstsq(matrix / wanted[:, None], np.ones(len(x)), rcond=None)[0]
    return float(a), float(b), float(np.abs(matrix @ np.array([a, b]) / wanted - 1).max())


def _writes(writes: Result) -> Iterator[str]:
    yield "### Materializations into Redis\n"
    yield from _table(
        ("rows of 10 features", "rows/s", "peak memory"),
        *(
            (found[1], f"{_figure(one, 'rows/s'):,.0f}", f"{_figure(one, 'peak memory'):,.0f} MB")
            for one, found in _written(writes)
        ),
    )


def _written(writes: Result) -> Iterator[tuple[Result, re.Match[str]]]:
    for table in writes["tables"]:
        for one in table["contenders"]:
            if found := _WRITTEN.match(one["name"]):
                yield one, found


def _memory(memory: Result) -> Iterator[str]:
    fixed, each = _bytes_of_a_row(memory)
    yield "### Memory in Redis\n"
    yield f"A row of floats takes {fixed:.0f} bytes and {each:.2f} for each of its features."


def _bytes_of_a_row(memory: Result) -> tuple[float, float]:
    found = {}
    for table in memory["tables"]:
        if title := _ROW.match(table["title"]):
            ours = next(one for one in table["contenders"] if one["name"] == "ours")
            found[int(title[1])] = _figure(ours, "bytes for a row")
    low, high = min(found), max(found)
    each = (found[high] - found[low]) / (high - low)
    return found[low] - each * low, each


def _figure(contender: Result, name: str) -> float:
    return float(next(figure["value"] for figure in contender["figures"] if figure["name"] == name))


def _what_follows(results: dict[str, Result]) -> Iterator[str]:
    yield "### What follows\n"
    yield from _table(("asked", "needed"), *_online_needs(results), *_offline_needs(results["growth"]))


def _online_needs(results: dict[str, Result]) -> Iterator[tuple[str, str]]:
    fixed, each = _bytes_of_a_row(results["memory"])
    row = fixed + each * FEATURES
    total = ENTITIES * row
    shards = -(-total // (SHARD_BYTES * USED_SHARE))
    yield (
        f"{ENTITIES:,} entities × {FEATURES} floats in Redis",
        f"{total / 1e9:,.0f} GB: {shards:,.0f} shards of 32 GB, {USED_SHARE:.0%} of each used",
    )
    rate = min(_figure(one, "rows/s") for one, _ in _written(results["writes"]))
    yield (
        "to write all of them",
        f"{ENTITIES / rate / 3600:.1f} h by one process, {ENTITIES / rate / 60 / shards:.0f} min by one for each shard",
    )
    rows, seconds, server = _read_points(results["online"])
    a, b, _ = _line(rows, server)
    busy = READS * (a + b * VIEWS) / 1e6
    yield (
        f"{READS:,} reads/s of one entity × {VIEWS * 10} features in {VIEWS} views",
        f"{busy:,.0f} processors of Redis at their limit, {busy / USED_SHARE:,.0f} at {USED_SHARE:.0%}",
    )
    a, b, _ = _line(rows, seconds)
    yield (
        "the services that ask, one request at a time each",
        f"{READS * (a + b * VIEWS) / 1e6:,.0f} processes",
    )
    wire = VIEWS * (fixed + each * 10)
    yield "on the network", f"{READS * wire * 8 / 1e9:,.0f} Gbit/s, keys and rows as they are stored"


def _offline_needs(growth: Result) -> Iterator[tuple[str, str]]:
    model = growth["model"]["duckdb"]
    for_a_row = (
        model["nanoseconds for a source row"] + 10 * model["nanoseconds for a source row and feature"]
    ) / 1e9
    yield (
        f"{EVENTS:,} events of 10 features, read once",
        f"{EVENTS * for_a_row / 3600:,.0f} h on this machine",
    )
    a_day = EVENTS / (YEARS * 365)
    yield (
        f"the events of a day, of {YEARS} years",
        f"{a_day:,.0f} events, {a_day * for_a_row / 60:,.1f} min on this machine",
    )
    yield "an hour on this machine", f"{3600 / for_a_row:,.0f} events of 10 features"
