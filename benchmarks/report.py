"""Tables for people, and result files with everything that was measured."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table as RichTable

from benchmarks import data
from benchmarks.figures import Reading
from benchmarks.harness import Contender, Measurement
from benchmarks.suites import Options, Outcome, Table

if TYPE_CHECKING:
    from rich.console import Console

_COLUMNS = (
    "contender",
    "median",
    "min … max",
    "p99",
    "n",
    "peak",
    "read",
    "to its floor",
    "Feast is",
    "answer",
)
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Summary:
    """One contender's measurements in short; times in seconds."""

    median: float
    low: float
    high: float
    p99: float | None
    peak: int
    count: int
    answer: str | None

    @classmethod
    def of(cls, measurements: Sequence[Measurement]) -> Summary:
        """Medians over runs; of an online read, over the medians of its bursts."""
        times = [_seconds(m) for m in measurements]
        calls = [latency for m in measurements for latency in m.get("latencies", ())]
        answers = {m["answer"] for m in measurements if "answer" in m}
        return cls(
            median=statistics.median(times),
            low=min(times),
            high=max(times),
            p99=statistics.quantiles(calls, n=100)[98] / 1e6 if calls else None,
            peak=max(m["peak_bytes"] for m in measurements),
            count=len(calls) or len(times),
            answer=" or ".join(sorted(answers)) or None,
        )


def _seconds(measurement: Measurement) -> float:
    if "latencies" in measurement:
        return float(statistics.median(measurement["latencies"])) / 1e6
    return float(measurement["seconds"])


def wrong_answers(outcome: Outcome) -> list[str]:
    """The library's contenders whose answers are not those of their floor."""
    return [
        f"{table.title}: {contender.name}"
        for table in outcome.tables
        for contender in table.contenders
        if contender.job["kind"] == "ours" and _agreement(contender, table) not in (None, "same")
    ]


def show(console: Console, outcome: Outcome) -> None:
    """Print one table for each set of contenders that ran side by side."""
    for table in outcome.tables:
        console.print(_rich(table))


def _rich(table: Table) -> RichTable:
    rows = [_cells(contender, table) for contender in table.contenders]
    shown = RichTable(title=table.title, title_justify="left")
    figures = dict.fromkeys(figure.name for contender in table.contenders for figure in contender.figures)
    filled = [name for name in (*_COLUMNS, *figures) if any(row.get(name) for row in rows)]
    for name in filled:
        shown.add_column(name, justify="left" if name in ("contender", "answer") else "right")
    for row in rows:
        shown.add_row(*(row.get(name, "") for name in filled))
    return shown


def _cells(contender: Contender, table: Table) -> dict[str, str]:
    summary = Summary.of(contender.measurements)
    cells = (
        contender.name,
        _time(summary.median),
        f"{_time(summary.low)} … {_time(summary.high)}",
        "" if summary.p99 is None else _time(summary.p99),
        str(summary.count),
        _peak(contender, summary, table),
        _read(contender),
        _floor_ratio(contender, summary, table),
        _feast_ratio(contender, summary, _feast_median(table)),
        _agreement(contender, table) or "",
    )
    figures = {reading.name: str(reading) for reading in _readings(contender, table)}
    return dict(zip(_COLUMNS, cells, strict=True)) | figures


def _readings(contender: Contender, table: Table) -> list[Reading]:
    """The contender's other figures, each beside its peer's."""
    found = []
    for figure in contender.figures:
        peer = next((other for other in table.contenders if other.name == figure.peer), None)
        found.append(Reading.of(figure, contender.measurements, peer.measurements if peer else None))
    return [reading for reading in found if reading is not None]


def _peak(contender: Contender, summary: Summary, table: Table) -> str:
    text = f"{summary.peak / 2**30:.2f} GB"
    floor, goal = _floor(table, contender), contender.peak_ratio_goal
    if goal is None or floor is None or floor is contender:
        return _with_goal(text, contender.peak_goal, summary.peak, 2**30, " GB")
    ratio = summary.peak / Summary.of(floor.measurements).peak
    return _with_goal(f"{text}, {ratio:.1f}×", goal, ratio, 1, "×")


def _read(contender: Contender) -> str:
    """What was read from the disk, beside what is needed."""
    pairs = [(m["read_bytes"], m["needed_bytes"]) for m in contender.measurements if "read_bytes" in m]
    if not pairs:
        return ""
    read = statistics.median(read for read, _ in pairs)
    ratio = read / pairs[0][1]
    return _with_goal(f"{read / 2**20:.1f} MB, {ratio:.2f}× needed", contender.read_goal, ratio, 1, "×")


def _floor_ratio(contender: Contender, summary: Summary, table: Table) -> str:
    floor = _floor(table, contender)
    if floor is None or floor is contender:
        return ""
    ratio = summary.median / Summary.of(floor.measurements).median
    return _with_goal(f"{ratio:.2f}× {floor.name}", contender.goal, ratio, 1, "×")


def _feast_ratio(contender: Contender, summary: Summary, feast: float | None) -> str:
    if feast is None or contender.is_feast:
        return ""
    ratio, goal = feast / summary.median, contender.feast_goal
    return f"{ratio:.1f}× slower" + ("" if goal is None else f" (goal {goal:g}×: {_met(ratio >= goal)})")


def _with_goal(text: str, goal: float | None, value: float, unit: int, suffix: str) -> str:
    return text if goal is None else f"{text} (goal ≤ {goal / unit:g}{suffix}: {_met(value <= goal)})"


def _met(met: bool) -> str:
    return "met" if met else "MISSED"


def _agreement(contender: Contender, table: Table) -> str | None:
    """How a contender's answer compares with its floor's; floors are held to the first of the table."""
    first = table.contenders[0]
    floor = _floor(table, contender) or _floor(table, first) or first
    if floor is contender:
        floor = first
    mine = Summary.of(contender.measurements).answer
    expected = Summary.of(floor.measurements).answer
    if mine is None or expected is None or floor is contender:
        return None
    if mine == expected:
        return "same"
    return "other order" if mine.rpartition(":")[0] == expected.rpartition(":")[0] else "differs"


def _floor(table: Table, contender: Contender) -> Contender | None:
    """The contender that another is compared with, as far as it was measured; of several the fastest."""
    names = (contender.floor,) if isinstance(contender.floor, str) else contender.floor or ()
    found = [one for one in table.contenders if one.name in names]
    return min(found, key=lambda one: Summary.of(one.measurements).median, default=None)


def _feast_median(table: Table) -> float | None:
    medians = [Summary.of(c.measurements).median for c in table.contenders if c.is_feast]
    return min(medians) if medians else None


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{seconds * 1e3:.3f} ms"


def write(name: str, outcome: Outcome, options: Options) -> Path:
    """Write the result file: sizes, versions, machine, every run."""
    moment = datetime.now(UTC)
    result = {
        "benchmark": name,
        "at": moment.isoformat(timespec="seconds"),
        "runs": options.runs,
        "feast_runs": options.feast_runs,
        "data": data.describe(options.scale, outcome.folder),
        "machine": _machine(),
        "server": outcome.server,
        "model": outcome.model,
        "tables": [
            {"title": table.title, "contenders": [_record(c, table) for c in table.contenders]}
            for table in outcome.tables
        ],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{options.scale.name}-{moment:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def _record(contender: Contender, table: Table) -> dict[str, Any]:
    summary = Summary.of(contender.measurements)
    floor = _floor(table, contender)
    feast = _feast_median(table)
    return {
        "name": contender.name,
        "median_seconds": summary.median,
        "min_seconds": summary.low,
        "max_seconds": summary.high,
        "p99_seconds": summary.p99,
        "count": summary.count,
        "peak_bytes": summary.peak,
        "floor": floor.name if floor else None,
        "goal": contender.goal,
        "feast_goal": contender.feast_goal,
        "peak_goal": contender.peak_goal,
        "figures": [reading.record() for reading in _readings(contender, table)],
        "ratio_to_floor": summary.median / Summary.of(floor.measurements).median if floor else None,
        "times_faster_than_feast": feast / summary.median if feast else None,
        "answer": _agreement(contender, table),
        "versions": contender.versions,
        "runs": [_run(measurement) for measurement in contender.measurements],
    }


def _run(measurement: Measurement) -> dict[str, Any]:
    kept = {name: value for name, value in measurement.items() if name != "latencies"}
    return kept | {"seconds": _seconds(measurement)}


def _machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "memory_bytes": memory,
        "load_at_end": os.getloadavg(),
    }
