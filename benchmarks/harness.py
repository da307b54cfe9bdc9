"""Runs contenders in turn, each in a process of its own.

A forked process starts with the peak memory of its parent, so the harness itself imports nothing large and
leaves the generation of data to a process as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks import feast_env
from benchmarks.figures import Figure
from benchmarks.redis_server import Server

ROOT = Path(__file__).parents[1]
Job = dict[str, Any]
Measurement = dict[str, Any]

# Online reads: short bursts, so that contenders share the machine's moods. Feast's take far longer.
BURSTS = 4
FEWER_FEAST_CALLS = 5


@dataclass(slots=True)
class Contender:
    """One row of a table.

    Attributes:
        name: shown, and unique in its table.
        job: what its process prepares.
        floor: the contender that it is compared with; of several the fastest.
        goal: the ratio to the floor that is to be reached.
        feast_goal: how many times faster than Feast it is to be.
        read_goal: how many times the bytes that are needed it may read from the disk.
        database: its database on the Redis server, emptied before each process.
        peak_goal: the bytes of memory that it is to stay under.
        peak_ratio_goal: the same, in times of its floor's.
        runs: fewer than the others, for those that take minutes.
        forms: of an online read, those that it has.
        figures: what else is shown.
    """

    name: str
    job: Job
    floor: str | tuple[str, ...] | None = None
    goal: float | None = None
    feast_goal: float | None = None
    peak_goal: int | None = None
    peak_ratio_goal: float | None = None
    read_goal: float | None = None
    database: int | None = None
    runs: int | None = None
    forms: tuple[str, ...] = ("dicts", "numpy")
    figures: tuple[Figure, ...] = ()
    measurements: list[Measurement] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def is_feast(self) -> bool:
        """Whether it is Feast, in any configuration."""
        return bool(self.job["kind"] == "feast")


class Process:
    """A contender's process, prepared and waiting for runs."""

    def __init__(self, contender: Contender, directory: Path, server: Server | None) -> None:
        job = {"directory": str(directory), "online": None} | contender.job
        if server is not None and contender.database is not None:
            server.flush(contender.database)
            job["online"] = server.url(contender.database)
        self._name = contender.name
        self._process = subprocess.Popen(
            _command(contender), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        contender.versions = self.ask(job)["versions"]

    def ask(self, message: Job) -> Measurement:
        """Send one line and wait for its answer."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process was started without pipes")
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise RuntimeError(f"{self._name} failed with exit code {code}; its error is above")
        answer: Measurement = json.loads(line)
        return answer

    def close(self) -> None:
        """Let the process end by itself."""
        self._process.communicate()


def _command(contender: Contender) -> list[str]:
    program = "benchmarks.feast_runner" if contender.is_feast else "benchmarks.worker"
    return [_python(contender), "-m", program]


def _python(contender: Contender) -> str:
    return str(feast_env.ensure()) if contender.is_feast else sys.executable


@contextmanager
def process(contender: Contender, server: Server | None) -> Iterator[Process]:
    """A prepared process with a directory of its own; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="featurestore-benchmark-") as directory:
        running = Process(contender, Path(directory), server)
        try:
            yield running
        finally:
            running.close()


def measure(contenders: Sequence[Contender], runs: int, server: Server | None) -> None:
    """A fresh process for each run of each contender, in turn."""
    for number in range(runs):
        for contender in contenders:
            if number < (contender.runs or runs):
                with process(contender, server) as running:
                    contender.measurements.append(running.ask({}))
                _progress(contender, number)


def measure_warm(contenders: Sequence[Contender], runs: int) -> None:
    """One process for each contender, all alive, and their runs in turn: where memory says nothing."""
    with ExitStack() as stack:
        living = [(one, stack.enter_context(process(one, None))) for one in contenders]
        for number in range(runs):
            for contender, running in living:
                contender.measurements.append(running.ask({}))
                _progress(contender, number)


def measure_calls(
    contenders: Sequence[Contender], runs: int, server: Server | None, messages: Sequence[Job]
) -> list[list[Contender]]:
    """One process for each contender, all alive, and bursts of calls in turn; one list for each message."""
    tables = [[replace(c, measurements=[]) for c in contenders if m["form"] in c.forms] for m in messages]
    with ExitStack() as stack:
        living = {c.name: stack.enter_context(process(c, server)) for c in contenders}
        for number in range(runs * BURSTS):
            for message, table in zip(messages, tables, strict=True):
                for contender in table:
                    calls = message["calls"] // (FEWER_FEAST_CALLS if contender.is_feast else 1)
                    burst = message | {"calls": calls, "seed": number}
                    contender.measurements.append(living[contender.name].ask(burst))
            print(f"  burst {number + 1} of {runs * BURSTS}", file=sys.stderr, flush=True)
    by_name = {c.name: c.versions for c in contenders}
    return [[replace(c, versions=by_name[c.name]) for c in table] for table in tables]


def measure_scripts(contenders: Sequence[Contender], runs: int) -> None:
    """A fresh interpreter for each script, in turn, after one that warms the disk and compiles what is not yet."""
    # An installed package has its byte code beside it, and so have all that are compared here.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for number in range(-1, runs):
        for contender in contenders:
            python = contender.job.get("python") or _python(contender)
            program = _TIMED.format(contender.job["script"])
            start = perf_counter()
            ended = subprocess.run(
                [python, "-c", program], cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True
            )
            measured = {"process_seconds": perf_counter() - start} | json.loads(ended.stdout.splitlines()[-1])
            if number >= 0:
                contender.measurements.append(measured)


# Only what the script itself takes counts: starting Python and the clock's own imports do not.
_TIMED = """
import sys
from time import perf_counter
start = perf_counter()
{}
seconds = perf_counter() - start
modules = len(sys.modules)
import json
from benchmarks.protocol import peak_bytes
print(json.dumps(dict(seconds=seconds, modules=modules, peak_bytes=peak_bytes())))
"""


def _progress(contender: Contender, number: int) -> None:
    seconds = contender.measurements[-1]["seconds"]
    print(f"  run {number + 1}: {contender.name}: {seconds:.3f} s", file=sys.stderr, flush=True)
