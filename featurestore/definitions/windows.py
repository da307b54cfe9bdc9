"""Windows: lengths of time before an instant, written as ``timedelta`` or as text such as ``"7d"``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, PlainSerializer

from featurestore.definitions.base import to_duration

LIFETIME: Final = "lifetime"
"""A window without a lower bound: everything up to the instant."""

Window = timedelta | Literal["lifetime"]
AnyWindow = timedelta | str
"""What users write: a `timedelta`, a text such as ``"90m"``, or `LIFETIME`."""

_MICROSECOND = timedelta(microseconds=1)
_UNITS: Final = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
    "us": _MICROSECOND,
}
_NO_DURATION = '{!r} is not a duration: write a timedelta, or e.g. "7d", "6h", "90m", "30s"'
_TEXT = re.compile(r"(\d+)(w|d|h|m|s|ms|us)")


def parse_duration(value: object) -> object:
    """A duration that is written as text (``"7d"``, ``"90m"``), or as `to_duration` takes it."""
    if isinstance(value, str):
        match = _TEXT.fullmatch(value.strip())
        if match is None:
            raise ValueError(_NO_DURATION.format(value))
        try:
            return int(match[1]) * _UNITS[match[2]]
        except OverflowError as error:
            raise ValueError(f"{value!r} is longer than a timedelta can be") from error
    try:
        return to_duration(value)
    except ValueError as error:
        raise ValueError(_NO_DURATION.format(value)) from error


def duration_text(value: timedelta) -> str:
    """The shortest text without weeks: ``7d``, ``36h``, ``90m``."""
    unit = next(u for u, length in _UNITS.items() if u != "w" and value % length == timedelta(0))
    return f"{value // _UNITS[unit]}{unit}"


def window_text(value: Window) -> str:
    """``7d`` and the like, or ``lifetime``."""
    return value if isinstance(value, str) else duration_text(value)


def _to_windows(value: object) -> object:
    if isinstance(value, str) or not isinstance(value, Sequence):
        value = (value,)
    windows = tuple(item if item == LIFETIME else parse_duration(item) for item in value)
    for window in windows:
        if isinstance(window, timedelta) and window <= timedelta(0):
            raise ValueError("must be longer than zero")
    if not windows or len(set(windows)) < len(windows):
        raise ValueError("expected one window or several different ones")
    return windows


def _dump_windows(windows: tuple[Window, ...]) -> list[int | str]:
    return [window if isinstance(window, str) else window // _MICROSECOND for window in windows]


Windows = Annotated[
    tuple[Window, ...],
    BeforeValidator(_to_windows),
    PlainSerializer(_dump_windows, return_type=list[int | str]),
]
