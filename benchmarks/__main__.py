"""``python -m benchmarks [NAME …]``: measure, print, write a result file; without names, all of them."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys

from rich.console import Console

from benchmarks import (
    offline_suites,
    online_suites,
    registry_suites,
    report,
    store_suites,
    suites,
    warehouse_suites,
)
from benchmarks.data import SCALES, Scale
from benchmarks.suites import Options

SUITES = (
    suites.SUITES
    | offline_suites.SUITES
    | online_suites.SUITES
    | store_suites.SUITES
    | registry_suites.SUITES
    | warehouse_suites.SUITES
)
DATA = (
    dict.fromkeys(suites.SUITES, "data")
    | {"aggregations": "events"}
    | offline_suites.DATA
    | warehouse_suites.DATA
)
"""Which module makes a benchmark's data; the others make their own."""


def main() -> int:
    """Run the benchmarks that were named."""
    parser = _parser()
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.benchmark if name not in SUITES]:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are: {', '.join(SUITES)}")
    scale = SCALES[arguments.scale]
    feast_runs = 0 if arguments.no_feast else min(arguments.feast_runs, arguments.runs)
    options = Options(scale=scale, runs=arguments.runs, feast_runs=feast_runs, only=arguments.only)
    console = Console() if sys.stdout.isatty() else Console(width=150)
    wrong = []
    for name in arguments.benchmark or SUITES:
        if name in DATA:
            _generate(scale, DATA[name])
        outcome = SUITES[name](options)
        path = report.write(name, outcome, options)
        report.show(console, outcome)
        console.print(f"written to {path}", soft_wrap=True)
        wrong += report.wrong_answers(outcome)
    for each in wrong:
        console.print(f"[bold red]wrong answer[/]: {each}")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("benchmark", nargs="*", metavar="NAME", help=f"{', '.join(SUITES)} (default: all)")
    parser.add_argument("--scale", choices=[*SCALES], default="full", help="size of the data (default: full)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each contender (default: 5)")
    parser.add_argument("--feast-runs", type=int, default=1, help="runs of Feast (default: 1)")
    parser.add_argument("--no-feast", action="store_true", help="leave Feast and its environment out")
    parser.add_argument("--only", default="", help="only contenders whose name has this regular expression")
    return parser


def _generate(scale: Scale, module: str) -> None:
    """Make the data, and read it once so that the first contender does not pay for a cold disk.

    In a process of its own: see `harness` on peak memory.
    """
    program = f"from benchmarks import data, {module}; {module}.ensure(data.SCALES[{scale.name!r}])"
    subprocess.run([sys.executable, "-c", program], check=True)
    folder = importlib.import_module(f"benchmarks.{module}").FOLDER
    for path in sorted((scale.directory / folder).glob("*.parquet")):
        with path.open("rb") as file:
            while file.read(2**24):
                pass


if __name__ == "__main__":
    sys.exit(main())
