"""Where output goes: JSON or text on standard output, errors on standard error; and how values read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import typer
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from featurestore.errors import FeatureStoreError

_ENDLESS = 100_000
"""Width where no terminal sets one: nothing is cut or wrapped in a file or a pipe."""


def show(document: Mapping[str, Any], render: Callable[[Any], None], *, as_json: bool) -> None:
    """Print a document as JSON, or as a person reads it."""
    if as_json:
        typer.echo(json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        render(document)


def plain(value: Any) -> Any:
    """A value as JSON has it: times in ISO 8601, durations in seconds, bytes in hexadecimal.

    Decimals and floats that are no numbers become texts, for JSON would change them or has none.
    """
    if isinstance(value, Mapping):
        return {cell(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, Decimal) else value


def say(*parts: RenderableType) -> None:
    """Print text or tables on standard output."""
    for part in parts:
        _console(stderr=False).print(part, soft_wrap=isinstance(part, str | Text))


def new_table(*headers: str, right: Collection[str] = ()) -> Table:
    """An empty table with these columns, those in `right` to the right."""
    made = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold"
    )
    for header in headers:
        made.add_column(header, justify="right" if header in right else "left", overflow="fold")
    return made


def width() -> int:
    """How many characters fit on a line of standard output."""
    return _console(stderr=False).width


def print_error(error: Exception) -> None:
    """Print an error on standard error as a person would tell it."""
    text = Text("Error: ", style="bold red").append(_message(error), style="default not bold")
    if isinstance(error, FeatureStoreError):
        if error.hint:
            text.append("\nHint: ", style="bold cyan").append(error.hint, style="default not bold")
        if location := getattr(error, "location", None):
            text.append(f"\nDefined at {location}", style="dim not bold")
    _console(stderr=True).print(text, soft_wrap=True)


def _message(error: Exception) -> str:
    if isinstance(error, FeatureStoreError):
        return error.message
    return str(error) or type(error).__name__


@cache
def _console(*, stderr: bool) -> Console:
    # Values are printed as they are: square brackets and colons in them mean nothing.
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = _ENDLESS
    return console


def cell(value: Any) -> str:
    """A value in a table."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, Mapping | list | tuple):
        text = json.dumps(plain(value), ensure_ascii=False)
        return text if len(text) <= 40 else text[:39] + "…"
    return str(plain(value))


def moment(value: datetime | None, *, exact: bool = True) -> str:
    """An instant: ``2024-05-01 12:30:00``; UTC is not said, other zones are; to the second if not `exact`."""
    if value is None:
        return "–"
    return value.isoformat(sep=" ", timespec="auto" if exact else "seconds").removesuffix("+00:00")


def duration(seconds: float | None) -> str:
    """A duration in its two largest units."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    days, rest = divmod(int(seconds), 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, whole = divmod(rest, 60)
    units = [(days, "d"), (hours, "h"), (minutes, "min"), (whole, "s")]
    start = next(i for i, (count, _) in enumerate(units) if count)
    return " ".join(f"{count} {unit}" for count, unit in units[start : start + 2] if count)
