"""Numbers and times as they are read in tables and on axes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

NONE = "–"
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def short(value: float | None) -> str:
    """A number in about three digits: ``0.123``, ``56.0``, ``12,346``, ``1.23M``, ``4.5e-6``; whole ones as such."""
    if value is None or math.isnan(value):
        return NONE
    size = abs(value)
    if value == 0:
        written = "0"
    elif math.isinf(size):
        written = "∞"
    elif size < 1e-3 or size >= 999.5e12:
        mantissa, exponent = f"{size:.1e}".split("e")
        written = f"{_trimmed(mantissa)}e{int(exponent)}".replace("-", "−")
    elif size < 999.5:
        digits = 0 if size == int(size) else max(0, 2 - math.floor(math.log10(size)))
        written = f"{size:.{digits}f}"
    elif size < 9_999.5:
        written = f"{size:.0f}"  # as years are written
    elif size < 99_999.5:
        written = f"{size:,.0f}"
    else:
        unit, letter = next(pair for pair in _UNITS if size >= 0.9995 * pair[0])
        written = f"{size / unit:.{max(0, 2 - math.floor(math.log10(size / unit * 1.0005)))}f}"
        written += letter
    return f"−{written}" if value < 0 else written


def whole(value: float | None) -> str:
    """A number of things: ``336,776``."""
    return NONE if value is None else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """A share: ``12.3 %``, and ``<0.1 %`` rather than a zero that is none."""
    if share is None:
        return NONE
    if 0 < share < 0.0005:
        return "<0.1 %"
    if 0.9995 <= share < 1:
        return ">99.9 %"
    return "0 %" if share == 0 else "100 %" if share == 1 else f"{share * 100:.1f} %"


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to places on a line."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value."""
        # Halves, for the difference of two large numbers may be none.
        span = self.high / 2 - self.low / 2
        if span == 0:
            return (self.start + self.end) / 2
        share = (value / 2 - self.low / 2) / span
        return self.start + share * (self.end - self.start)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values within a range, at steps of 1, 2, 2.5 or 5 times a power of ten."""
    span = high / most - low / most
    if not span > 0 or math.isinf(span):
        return [low]
    power = 10.0 ** math.floor(math.log10(span))
    if power == 0:
        return [low]
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10, 20) if power * factor >= span * 0.999)
    if low + step == low or high + step == high:
        return [low]
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_labels(values: list[float]) -> list[str]:
    """Labels of ticks, with as many decimals as the step between them needs."""
    if len(values) < 2:
        return [short(value) for value in values]
    step, size = abs(values[1] - values[0]), max(abs(value) for value in values)
    if size >= 1e5 or step < 1e-4:
        labels = [short(value) for value in values]
        return labels if len(set(labels)) == len(labels) else [f"{value:.6g}" for value in values]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if decimals and any(abs(value * 10**decimals - round(value * 10**decimals)) > 1e-6 for value in values):
        decimals += 1  # steps of 0.25
    # As years are written: no comma below ten thousand.
    form = f",.{decimals}f" if size >= 9_999.5 else f".{decimals}f"
    return [f"{value:{form}}".replace("-", "−") for value in values]


_STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        1,
        5,
        15,
        60,
        300,
        900,
        3_600,
        10_800,
        21_600,
        43_200,
        86_400,
        172_800,
        604_800,
        1_209_600,
    )
)


def time_ticks(low: datetime, high: datetime, most: int = 4) -> list[tuple[datetime, str]]:
    """Round instants within a range with their labels; both ends where the range is short of any."""
    if low == high:
        return _ends(low, high)
    for step in _STEPS:
        if (high - low) / step <= most:
            return list(_at_steps(low, high, step)) or _ends(low, high)
    months = next(
        count for count in (1, 2, 3, 6, 12, 24, 60, 120, 1200, 12_000) if _months(low, high) / count <= most
    )
    return list(_at_months(low, high, months)) or _ends(low, high)


def moment(value: datetime | None) -> str:
    """An instant to the minute: ``2013-01-05 14:00``."""
    return NONE if value is None else f"{value:%Y-%m-%d %H:%M}"


def _at_steps(low: datetime, high: datetime, step: timedelta) -> Iterator[tuple[datetime, str]]:
    form = "%H:%M:%S" if step < timedelta(minutes=1) else "%H:%M" if step < timedelta(days=1) else "%-d %b"
    zero = datetime(1, 1, 1, tzinfo=UTC)
    at = zero + -((zero - low) // step) * step
    while at <= high:
        yield at, f"{at.day} {at:%b}" if form == "%-d %b" else f"{at:{form}}"
        at += step


def _at_months(low: datetime, high: datetime, months: int) -> Iterator[tuple[datetime, str]]:
    count = math.ceil((low.year * 12 + low.month - 1) / months) * months
    while count // 12 <= high.year:
        at = datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)
        if low <= at <= high:
            yield at, f"{at.year}" if months >= 12 or at.month == 1 else f"{at:%b}"
        count += months


def _months(low: datetime, high: datetime) -> int:
    return (high.year - low.year) * 12 + high.month - low.month


def _ends(low: datetime, high: datetime) -> list[tuple[datetime, str]]:
    form = "%H:%M" if high - low < timedelta(days=1) else "%Y-%m-%d"
    return [(low, f"{low:{form}}")] if low == high else [(at, f"{at:{form}}") for at in (low, high)]


def _trimmed(written: str) -> str:
    return written.rstrip("0").rstrip(".") if "." in written else written
