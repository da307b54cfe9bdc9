"""How the harness and a contender's process talk: one JSON object a line, over stdin and stdout.

The harness sends the job, the process prepares and answers with its versions; then each line asks for one run
and is answered with its measurements. Only the standard library is used: Feast's environment runs this too.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import resource
import sys
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter, process_time
from typing import Any, TypeVar

Job = dict[str, Any]
Measurement = dict[str, Any]
Run = Callable[[Job], Measurement]
Value = TypeVar("Value")


def serve(prepare: Callable[[Job], Run], packages: Iterable[str]) -> None:
    """Answer the harness until it closes stdin."""
    # Libraries print to stdout; the harness shall read nothing but answers there.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run: Run | None = None
    for line in sys.stdin:
        message = json.loads(line)
        if run is None:
            run = prepare(message)
            answer: Measurement = {"versions": versions(packages)}
        else:
            answer = run(message)
        print(json.dumps(answer), file=answers, flush=True)


def timed(call: Callable[[], Value]) -> tuple[Value, Measurement]:
    """The value of a call, its wall time, and the peak memory of this process so far."""
    start = perf_counter()
    value = call()
    seconds = perf_counter() - start
    return value, {"seconds": seconds, "peak_bytes": peak_bytes()}


WARM_UP = 20


def timed_calls(call: Callable[[Any], object], arguments: Iterable[Any]) -> Measurement:
    """The wall time of each of many calls in microseconds, after a few that warm up."""
    keep_to_cpu(os.getpid(), first=True)
    arguments = list(arguments)
    for argument in arguments[:WARM_UP]:
        call(argument)
    latencies = []
    began = process_time()
    for argument in arguments:
        start = perf_counter()
        call(argument)
        latencies.append((perf_counter() - start) * 1e6)
    return _calls(latencies, process_time() - began)


async def timed_awaits(call: Callable[[Any], Awaitable[object]], arguments: Iterable[Any]) -> Measurement:
    """The same of calls that are awaited, one after the other."""
    keep_to_cpu(os.getpid(), first=True)
    arguments = list(arguments)
    for argument in arguments[:WARM_UP]:
        await call(argument)
    latencies = []
    began = process_time()
    for argument in arguments:
        start = perf_counter()
        await call(argument)
        latencies.append((perf_counter() - start) * 1e6)
    return _calls(latencies, process_time() - began)


def _calls(latencies: list[float], cpu_seconds: float) -> Measurement:
    rate = len(latencies) / (sum(latencies) / 1e6)
    return {
        "latencies": latencies,
        "calls_per_second": rate,
        "cpu_us_per_call": cpu_seconds * 1e6 / len(latencies),
        "peak_bytes": peak_bytes(),
    }


def keep_to_cpu(pid: int, *, first: bool) -> None:
    """Let a process run on the first or the last processor only, where the system can.

    A round trip over loopback takes a quarter of the time while client and server happen to share a processor:
    that is chance, and no two machines share one.
    """
    if sys.platform == "linux":
        processors = os.sched_getaffinity(0) if first else range(os.cpu_count() or 1)
        os.sched_setaffinity(pid, {min(processors) if first else max(processors)})


def peak_bytes() -> int:
    """The largest resident set this process has had (Linux counts in KiB, macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of Python and of some installed packages."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "from the source tree"
    return found
