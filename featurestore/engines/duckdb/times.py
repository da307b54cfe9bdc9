"""Instants in SQL: whole microseconds since the epoch, rounded as the law of time says.

DuckDB reads an ambiguous local time as the later instant and moves one that does not exist forward, which is
what the law wants of a source.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from featurestore.engines.duckdb.connection import out_of_range
from featurestore.engines.duckdb.sql import text
from featurestore.protocols.offline import Grid

MAX_INSTANT = 2**63 - 2  # 2**63 - 1 is DuckDB's infinity
_DAY = 86_400_000_000
_LOCAL_SLACK = 3 * _DAY  # more than any zone is away from UTC, twice


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a source, to be used in SQL.

    Attributes:
        sql: the expression.
        type: its Arrow type.
        zone: the zone of its naive times and dates.
        text: whether it is text to be read as the declared type (from a folder name).
    """

    sql: str
    type: pa.DataType
    zone: str = "UTC"
    text: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which event times can matter, both included. None: all."""

    earliest: int | None = None
    latest: int | None = None


EVERY_TIME = Bounds()


def instant(column: Column, *, up: bool, what: str) -> str:
    """The column as BIGINT microseconds; an infinite time is an error.

    Args:
        column: of timestamps, dates or nulls.
        up: round nanoseconds up, else down.
        what: names the column in the error.
    """
    if pa.types.is_null(column.type):
        return "NULL::BIGINT"
    error = out_of_range(what)
    return f"coalesce({_microseconds(column, up=up)}, CASE WHEN {column.sql} IS NOT NULL THEN {error} END)"


def no_later(instant: str, limit: int, *, what: str) -> str:
    """The instant, or an error where it is later than `limit`."""
    error = out_of_range(what)
    return f"CASE WHEN {instant} <= {limit} THEN {instant} WHEN {instant} IS NOT NULL THEN {error} END"


def zoned(column: Column) -> str:
    """The column as TIMESTAMPTZ values, for keys and features: rounded up, as source times are."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return f"make_timestamptz({_microseconds(column, up=True)})"
    return _zoned(column.sql, column)


def _zoned(expression: str, column: Column) -> str:
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        return f"{expression}::TIMESTAMPTZ"
    if column.zone == "UTC":
        return f"{expression}::TIMESTAMP::TIMESTAMPTZ"
    return f"timezone({text(column.zone)}, {expression}::TIMESTAMP)"


def _microseconds(column: Column, *, up: bool) -> str:
    if not pa.types.is_timestamp(column.type) or column.type.unit != "ns":
        naive = column.zone == "UTC" and getattr(column.type, "tz", None) is None
        return f"epoch_us({column.sql}::TIMESTAMP)" if naive else f"epoch_us({_zoned(column.sql, column)})"
    nanos = f"epoch_ns({column.sql})"
    if column.type.tz is None and column.zone != "UTC":
        local = f"make_timestamp({_divided(nanos, 1000)})"
        micros = f"epoch_us({_zoned(local, column)})"
        return f"{micros} + ({nanos} % 1000 <> 0)::BIGINT" if up else micros
    return f"-{_divided(f'(-{nanos})', 1000)}" if up else _divided(nanos, 1000)


def _divided(value: str, by: int) -> str:
    """Division that rounds down; DuckDB's own rounds towards zero."""
    return f"({value} // {by} - ({value} % {by} < 0)::BIGINT)"


def effective(time: str, grid: Grid | None, *, delay: int) -> str:
    """The effective time of `time` less the delay, as BIGINT; null where nothing can be visible so early."""
    if grid is None:
        return f"TRY_CAST({time}::HUGEINT - {delay} AS BIGINT)" if delay else time
    since = f"({time}::HUGEINT - {grid.lag + grid.offset})"
    passed = f"(({since} % {grid.every} + {grid.every}) % {grid.every})"
    return f"TRY_CAST({since} - {passed} + {grid.offset - delay} AS BIGINT)"


def effective_instant(time: int, grid: Grid | None) -> int:
    """The effective time of one instant."""
    if grid is None:
        return time
    return (time - grid.lag - grid.offset) // grid.every * grid.every + grid.offset


def near(column: Column, bounds: Bounds, *, limit: int) -> str | None:
    """A condition on the raw column that row groups can be skipped by.

    It lets through everything within the bounds, and what `instant` reports as an error.
    """
    slack = (
        0 if pa.types.is_timestamp(column.type) and (column.type.tz or column.zone == "UTC") else _LOCAL_SLACK
    )
    kind = _sql_type(column.type)
    if kind is None:
        return None
    earliest = _literal(bounds.earliest, -slack - 1, kind)
    latest = _literal(bounds.latest, slack + 1, kind)
    conditions = [
        f"{column.sql} >= {earliest}" if earliest else "",
        f"{column.sql} <= {latest}" if latest else "",
    ]
    within = " AND ".join(c for c in conditions if c)
    if not within:
        return None
    late = _literal(min(limit, MAX_INSTANT - _DAY), -slack - 1, kind) or f"'infinity'::{kind}"
    return f"({within} OR {column.sql} >= {late} OR {column.sql} <= '-infinity'::{kind})"


def _sql_type(found: pa.DataType) -> str | None:
    """How DuckDB calls the type of a Parquet column of times."""
    if pa.types.is_date(found):
        return "DATE"
    if not pa.types.is_timestamp(found):
        return None
    if found.unit == "ns":
        return "TIMESTAMPTZ_NS" if found.tz else "TIMESTAMP_NS"
    return "TIMESTAMPTZ" if found.tz else "TIMESTAMP"


def _literal(instant: int | None, shift: int, kind: str) -> str | None:
    """An instant as a constant of the type, None if the type cannot hold it."""
    if instant is None:
        return None
    moved = instant + shift
    nanos = kind.endswith("_NS")
    if abs(moved) > (MAX_INSTANT // 1000 if nanos else MAX_INSTANT) - _DAY:
        return None
    return f"make_timestamp_ns({moved * 1000})::{kind}" if nanos else f"make_timestamp({moved})::{kind}"
