"""Writing no faster than so many rows a second, so that those who read from the same server hardly notice."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence

from featurestore.errors import RequestError

_PAUSES_PER_SECOND = 100
"""Parts are this small: a second's rows at once would take the server for as long as without a limit."""


class Throttle:
    """Divides rows into small parts, and waits before each until those before it have had their time.

    Since it begins, no more rows are written than the rate allows, but for the part under way. A part that comes
    late, because a wait took longer than it was asked to, lets the next come sooner, so that the rate is kept; what
    is later than a part's time is lost. So no span of time has more rows than the rate allows, and two parts.

    Args:
        rows_per_second: how many rows may be written; None: as many as can be.
        at_once: the largest part.
        clock: seconds that never go back.
        sleep: waits for so many seconds.

    Raises:
        RequestError: if the rate is not positive.
    """

    def __init__(
        self,
        rows_per_second: float | None,
        *,
        at_once: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if rows_per_second is not None and not (rows_per_second > 0 and math.isfinite(rows_per_second)):
            raise RequestError(
                f"max_rows_per_second: expected a number above 0, found {rows_per_second}.",
                hint="Leave it out to write as fast as the online store takes it.",
            )
        self._rate = rows_per_second
        self._at_once = at_once
        if rows_per_second is not None:
            self._at_once = max(1, min(at_once, int(rows_per_second / _PAUSES_PER_SECOND)))
        self._clock, self._sleep = clock, sleep
        self._free_at: float | None = None

    def parts(
        self, keys: Sequence[bytes], rows: Sequence[bytes]
    ) -> Iterator[tuple[Sequence[bytes], Sequence[bytes]]]:
        """Keys and rows part by part, each when it may be written."""
        for start in range(0, len(keys), self._at_once):
            end = min(start + self._at_once, len(keys))
            self._wait(end - start)
            yield keys[start:end], rows[start:end]

    def _wait(self, rows: int) -> None:
        if self._rate is None:
            return
        now = self._clock()
        if self._free_at is None:
            self._free_at = now
        if now < self._free_at:
            self._sleep(self._free_at - now)
            now = self._clock()
        # Time that went by without writing is not made up for by writing faster, but for what a wait takes too long.
        self._free_at = max(now - self._at_once / self._rate, self._free_at) + rows / self._rate
