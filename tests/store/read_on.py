"""A process that reads a view again and again until it sees a value.

    python -m tests.store.read_on CONFIG COUNT LAST

It prints ``ready`` after the first read, and ends with an error if one answer mixes two runs, lacks a row or is
older than the answer before.
"""

from __future__ import annotations

import sys
import time

import featurestore as fs

SECONDS = 60


def main() -> None:
    """Read entities N0, N1, …, all of which have the same value in each run."""
    config, count, last = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    keys, seen, deadline = (
        [{"tailnum": f"N{number}"} for number in range(count)],
        -1.0,
        time.monotonic() + SECONDS,
    )
    with fs.FeatureStore(config=config) as store:
        while seen < last:
            few = keys[:2] if time.monotonic_ns() % 2 else keys
            (value,) = {row["delay"] for row in store.get_online_features("punctuality", few).to_dicts()}
            if value is None or value < seen:
                raise AssertionError(f"read {value} after {seen}")
            if seen < 0:
                print("ready", flush=True)
            if time.monotonic() > deadline:
                raise AssertionError(f"still at {value} after {SECONDS} seconds")
            seen = value


if __name__ == "__main__":
    main()
