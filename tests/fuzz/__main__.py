"""Fresh cases over both engines and every storage until the time is up: ``python -m tests.fuzz --seconds 600``.

Stops at the first failure with exit code 1, after the seed and the smallest case that fails.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from featurestore.protocols.offline import OfflineEngine
from featurestore.testing.judge import check_historical, check_latest, check_visible
from featurestore.testing.strategies import Case, as_csv, as_parquet, cases, csv_can_hold, window_cases
from tests.engines.available import ENGINES, make_engine

CASES_PER_SEED = 100
STORAGE: dict[str, Callable[[Case, Path], Case | None]] = {
    "memory": lambda case, _folder: case,
    "parquet": lambda case, folder: as_parquet(case, folder, files=2, row_group_size=2),
    # Conditions of aggregations see the fields of a CSV file as text, which a case does not.
    "csv": lambda case, folder: (
        as_csv(case, folder, files=2) if csv_can_hold(case) and not case.plans[0].windows else None
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None, help="the first seed; as printed by a failure")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="by default all")
    parser.add_argument("--storage", choices=STORAGE, action="append", help="by default all")
    arguments = parser.parse_args()
    first = random.SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    engines = [make_engine(name) for name in arguments.engine or ENGINES]
    storage = arguments.storage or list(STORAGE)
    return run(first, arguments.seconds, lambda case: check_everywhere(engines, storage, case))


def run(first: int, seconds: float, check: Callable[[Case], None]) -> int:
    """Rounds of `CASES_PER_SEED` cases, seed after seed; the exit code."""
    end = time.monotonic() + seconds
    number = first
    while True:
        try:
            one_round(number, check)
        except Exception:  # noqa: BLE001 (whatever it is, its seed has to be printed)
            traceback.print_exc()
            print(f"\nFAILED with seed {number}; again: python -m tests.fuzz --seconds 1 --seed {number}")
            return 1
        number += 1
        if time.monotonic() >= end:
            print(f"{(number - first) * CASES_PER_SEED} cases passed, seeds {first} to {number - 1}")
            return 0


def one_round(number: int, check: Callable[[Case], None]) -> None:
    """The cases of one seed, always the same ones."""

    @seed(number)
    @settings(
        max_examples=CASES_PER_SEED,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(cases(), window_cases()))
    def round_of_cases(case: Case) -> None:
        check(case)

    round_of_cases()


def check_everywhere(engines: Sequence[OfflineEngine], storage: Sequence[str], case: Case) -> None:
    """Every engine on every storage that can hold the case.

    Raises:
        AssertionError: if an engine disagrees with the oracle.
    """
    with tempfile.TemporaryDirectory() as folder:
        for kind in storage:
            stored = STORAGE[kind](case, Path(folder))
            if stored is None:
                continue
            for engine in engines:
                try:
                    check_historical(engine, stored)
                    check_latest(engine, stored)
                    check_visible(engine, stored)
                except Exception as error:
                    error.add_note(f"engine {engine.name} on {kind}")
                    raise


if __name__ == "__main__":
    raise SystemExit(main())
