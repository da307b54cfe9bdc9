"""Profiles as plain text."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from featurestore.statistics.records import FeatureRecord, RowsRecord, Value

_HEADS = ("feature", "type", "nulls", "distinct", "mean", "minimum", "median", "maximum", "most frequent")
_LEFT = ("feature", "type", "most frequent")
_LONGEST = 24


def profile_text(profile: RowsRecord, groups: Iterable[tuple[str, RowsRecord]]) -> str:
    """A line for each feature, under one for all rows; then the same of groups of them, under their names."""
    lines = [_rows(profile), *(f"  {line}" for line in _table(profile.features))]
    for name, group in groups:
        lines += ["", f"{name}: {_rows(group)}", *(f"  {line}" for line in _table(group.features))]
    return "\n".join(lines)


def group_name(column: str, value: Value | None, *, others: bool) -> str:
    """What to call the rows in which a column has a value, or one of the others."""
    return f"{column}, other values" if others else f"{column} = {_short(value)}"


def _rows(profile: RowsRecord) -> str:
    text = f"{profile.rows:,} {'row' if profile.rows == 1 else 'rows'}"
    if profile.first_event is None or profile.last_event is None:
        return text
    return f"{text}, events from {_short(profile.first_event)} to {_short(profile.last_event)} UTC"


def _table(features: tuple[FeatureRecord, ...]) -> list[str]:
    rows = [_HEADS, *map(_cells, features)]
    used = [i for i, head in enumerate(_HEADS) if head in _LEFT[:2] or any(row[i] for row in rows[1:])]
    widths = {i: max(len(row[i]) for row in rows) for i in used}
    return ["  ".join(_padded(row[i], widths[i], i) for i in used).rstrip() for row in rows]


def _padded(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if _HEADS[column] in _LEFT else cell.rjust(width)


def _cells(feature: FeatureRecord) -> tuple[str, ...]:
    without = feature.nulls + feature.missing
    return (
        feature.name,
        feature.type,
        f"{without / feature.rows:.1%}" if feature.rows else "",
        "" if feature.distinct is None else f"{feature.distinct:,}",
        _short(feature.mean),
        _short(feature.minimum),
        _short(dict(feature.quantiles).get(0.5)),
        _short(feature.maximum),
        "(personal)" if feature.pii else _frequent(feature),
    )


def _frequent(feature: FeatureRecord) -> str:
    lengths = feature.lengths
    if lengths is not None and not feature.top_values:
        return f"lengths from {lengths.minimum} to {lengths.maximum}"
    often = [(value, count) for value, count in feature.top_values[:3] if count > 1]
    return ", ".join(f"{_short(value)} {count / feature.rows:.0%}" for value, count in often)


def _short(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00").removesuffix(" 00:00")
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
