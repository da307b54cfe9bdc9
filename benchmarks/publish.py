"""``python -m benchmarks.publish``: the newest full results as a table in README and docs, and as a plot.

Nothing of it is typed by hand; a test holds what is committed to what this makes of ``results/``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log2
from pathlib import Path
from typing import Any

from benchmarks import scaling
from benchmarks.figures import number

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
README = ROOT / "README.md"
DOCUMENT = ROOT / "docs" / "measurements.md"
SCALING = ROOT / "docs" / "scaling.md"
PLOT = ROOT / "docs" / "measurements.svg"
BEGIN, END = "<!-- measurements: begin -->", "<!-- measurements: end -->"

_OURS = re.compile(
    r"^(ours|reads|SQL|import featurestore|first read|featurestore --help|frame and profile|connector: )|, full$"
)
_IN_THE_README = re.compile(
    r"^(training frame, source shuffled|9 aggregations .*): ours \(duckdb\)$"
    r"|^(5 views in one request|two small views, .*|(5|a week) of .*): ours \(auto\)$"
    r"|^from file to file |^profile .* shuffled: .*\(duckdb\)$|^SQL transform .* shuffled: .*\(duckdb\)$"
    r"|^(1|100) entit\w+ × 50 features in 5 views, (dicts|numpy), sync: "
    r"|^SQLite, 1 × 50 features in 1 view: |^SQLite, .* many processes: "
    r"|^materialization, source shuffled: ours \(duckdb\) into redis$|^[\d,]+ rows × \d+ features "
    r"|^memory of .* 20 floats: |^100 entities .*: reads beside one |^(import|first online read .*|help text): "
    r"|^registry in sqlite .*: (plan|first online read), |^PostgreSQL table .* batches: "
    r"|^a week of 90 days, .*\(duckdb\)$|^an installation "
)
_LONG_BRACKETS = re.compile(r" \([^)]{40,}\)")
Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """What the library took, beside its floor and Feast; times in seconds."""

    benchmark: str
    what: str
    contender: str
    seconds: float
    peak_bytes: int
    floor: str | None
    ratio: float | None
    goal: float | None
    feast: float | None
    feast_goal: float | None
    figures: tuple[str, ...]

    @property
    def missed(self) -> bool:
        """Whether one of the two goals was not reached."""
        slow = self.goal is not None and self.ratio is not None and self.ratio > self.goal
        return slow or bool(self.feast_goal and self.feast and self.feast < self.feast_goal)


def newest(folder: Path = RESULTS) -> list[Result]:
    """The newest full result of each benchmark, in the order of their names."""
    found: dict[str, Result] = {}
    for path in sorted(folder.glob("*-full-*.json")):
        result = json.loads(path.read_text())
        found[result["benchmark"]] = result | {"file": path.name}
    return [found[name] for name in sorted(found)]


def rows(results: Iterable[Result]) -> Iterator[Row]:
    """The library's contenders: those that are held against a floor or Feast, or have other figures."""
    for result in results:
        for table in result["tables"]:
            for record in table["contenders"]:
                held = record["floor"] or record["times_faster_than_feast"] or record.get("figures")
                if held and _OURS.search(record["name"]):
                    yield _row(result["benchmark"], table, record)


def _row(benchmark: str, table: dict[str, Any], record: dict[str, Any]) -> Row:
    is_peer = any("feast" in other["name"].split() for other in table["contenders"])
    return Row(
        benchmark=benchmark,
        what=table["title"],
        contender=record["name"],
        seconds=record["median_seconds"],
        peak_bytes=record["peak_bytes"],
        floor=record["floor"],
        ratio=record["ratio_to_floor"],
        goal=record.get("goal"),
        feast=record["times_faster_than_feast"] if is_peer or record.get("feast_goal") else None,
        feast_goal=record.get("feast_goal"),
        figures=tuple(_figure(figure) for figure in record.get("figures", ())),
    )


def _figure(figure: dict[str, Any]) -> str:
    text = f"{figure['name']} {number(figure['value'])} {figure['unit']}".rstrip()
    if figure["ratio"] is not None:
        text += f" ({figure['ratio']:.2f}× {figure['peer']})"
    return text


def markdown(results: list[Result], *, all_rows: bool) -> str:
    """The table; of the many sizes and engines only some, unless all are asked for, and what they were measured on."""
    labelled = [(f"{row.what}: {row.contender}", row) for row in rows(results)]
    if not all_rows:
        # Of tables with the same title the last one is the one with Feast; what is in long brackets is in the document.
        chosen = {label: row for label, row in labelled if _IN_THE_README.search(label)}
        labelled = [(_LONG_BRACKETS.sub("", label), row) for label, row in chosen.items()]
    lines = [
        "| what | median | peak memory | to its floor | Feast takes | besides |",
        "|---|---|---|---|---|---|",
        *(_line(label, row) for label, row in labelled),
    ]
    return "\n".join([*lines, "", *map(_measured_on, results)] if all_rows else lines)


def _line(label: str, row: Row) -> str:
    cells = (
        label,
        _time(row.seconds),
        f"{row.peak_bytes / 2**30:.2f} GB",
        ""
        if row.ratio is None
        else f"{row.ratio:.2f} of {row.floor}{_goal(row.ratio, row.goal, at_most=True)}",
        "" if row.feast is None else f"{row.feast:.1f}×{_goal(row.feast, row.feast_goal, at_most=False)}",
        "; ".join(row.figures),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _goal(value: float, goal: float | None, *, at_most: bool) -> str:
    if not goal:
        return ""
    missed = value > goal if at_most else value < goal
    return f" ({'≤' if at_most else '≥'} {goal:g}{': missed' if missed else ''})"


def _measured_on(result: Result) -> str:
    versions = result["tables"][0]["contenders"][0]["versions"]
    shown = ", ".join(f"{name} {version}" for name, version in versions.items() if version[0].isdigit())
    machine = result["machine"]
    where = f"{machine['cpus']} CPUs, {machine['memory_bytes'] / 2**30:.0f} GB"
    details = ", ".join(filter(None, (where, f"medians of {result['runs']}", result["server"], shown)))
    return f"- `{result['benchmark']}` ([runs](BASE/{result['file']})): {details}."


def svg(results: list[Result]) -> str:
    """A mark for each ratio that has a goal, on a scale of powers of two, and a line where the goal is."""
    shown = [row for row in rows(results) if row.ratio and row.goal]
    ratios = [row.ratio for row in shown if row.ratio] + [row.goal for row in shown if row.goal]
    low = floor(log2(min(ratios, default=1.0)))
    high = ceil(log2(max(ratios, default=1.0))) if ratios else 1
    left, width, step = 560, 420, 16
    bottom = step * len(shown) + 34

    def place(ratio: float) -> float:
        return left + (log2(ratio) - low) / max(high - low, 1) * width

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 70}" height="{bottom + 10}">',
        "<style>text { font: 11px sans-serif }</style>",
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for power in range(low, high + 1):
        x, color = place(2.0**power), "#999" if power == 0 else "#e4e4e4"
        parts.append(f'<line x1="{x:.1f}" y1="22" x2="{x:.1f}" y2="{bottom}" stroke="{color}"/>')
        parts.append(f'<text x="{x:.1f}" y="16" text-anchor="middle">{2.0**power:g}×</text>')
    for position, row in enumerate(shown):
        y, ratio = 32 + position * step, row.ratio or 1.0
        color = "#c0392b" if row.missed else "#2e6da4"
        label = escape(f"{row.what}: {row.contender}")
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{label}</text>')
        if row.goal:
            x = place(row.goal)
            parts.append(f'<line x1="{x:.1f}" y1="{y - 6}" x2="{x:.1f}" y2="{y + 6}" stroke="black"/>')
        parts.append(f'<circle cx="{place(ratio):.1f}" cy="{y}" r="4" fill="{color}"/>')
        parts.append(f'<text x="{left + width + 12}" y="{y + 4}">{ratio:.2f}×</text>')
    return "\n".join([*parts, "</svg>", ""])


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{seconds * 1e3:.3f} ms"


def between_markers(text: str, new: str) -> str:
    """The text with what stands between the two markers replaced.

    Raises:
        ValueError: if one of the markers is missing.
    """
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"the text has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def published(results: list[Result]) -> dict[Path, str]:
    """What each file is to hold."""
    files = {}
    for path, base in ((README, "benchmarks/results"), (DOCUMENT, "../benchmarks/results")):
        table = markdown(results, all_rows=path == DOCUMENT)
        files[path] = between_markers(path.read_text(), table.replace("BASE", base))
    files[SCALING] = between_markers(SCALING.read_text(), scaling.sections(results))
    return files | {PLOT: svg(results)}


def main() -> None:
    """Write them."""
    for path, text in published(newest()).items():
        path.write_text(text)
        print(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
