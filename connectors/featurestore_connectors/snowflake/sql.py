"""SQL for Snowflake: names, literals, and conditions that leave out rows that do not matter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.database import SnowflakeSource
from featurestore.protocols.sources import ChangedEntities
from featurestore_connectors.names import quoted
from featurestore_connectors.snowflake.types import Column

_PART = re.compile(r'"(?:[^"]|"")+"|[^".]+')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = datetime(1, 1, 10, tzinfo=UTC), datetime(9999, 12, 20, tzinfo=UTC)
_LOCAL_SLACK = timedelta(days=3)  # more than any zone is away from UTC, twice
_MICROSECOND = timedelta(microseconds=1)
_MOST_TEXT = 400_000  # a statement has a million characters at most


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def table_parts(table: str) -> list[str]:
    """The parts of a table's name as Snowflake has them: in capitals, where they are not in quotes."""
    return [
        part[1:-1].replace('""', '"') if part.startswith('"') else part.upper()
        for part in _PART.findall(table)
    ]


def catalogue(place: Sequence[str]) -> str:
    """The catalogue that lists the tables of a place: of the current database, unless the place names another."""
    database = f"{quoted(place[0])}." if len(place) > 1 else ""
    return f"{database}INFORMATION_SCHEMA.TABLES"


def rows_of(source: SnowflakeSource) -> str:
    """What stands after FROM, under the name ``s``."""
    if source.query:
        return f"(\n{source.query}\n) AS s"
    return f"{'.'.join(map(quoted, table_parts(source.table)))} AS s"


def where(conditions: Iterable[str | None]) -> str:
    """WHERE, if there are conditions."""
    given = [condition for condition in conditions if condition]
    return f"\nWHERE {' AND '.join(given)}" if given else ""


def instant(column: Column, zone: str, *, up: bool = True) -> str:
    """A column of times as microseconds since the epoch: what is beyond microseconds is rounded up or down.

    Ambiguous local times are the later instant, missing ones move forward. It is made of conversions from UTC only,
    which are never ambiguous.
    """
    time = f"{column.sql}::TIMESTAMP_NTZ" if column.kind == "date" else column.sql
    whole = f"DATE_PART(EPOCH_MICROSECOND, {time})"
    if column.digits > 6 and up:
        whole = f"({whole} + IFF(MOD(DATE_PART(NANOSECOND, {time}), 1000) > 0, 1, 0))"
    if column.kind in ("timestamp_tz", "timestamp_ltz") or zone == "UTC":
        return whole
    before, after = (_offset(f"DATEADD(DAY, {days}, {time})", zone) for days in (-1, 1))
    early, late = f"({whole} - {before})", f"({whole} - {after})"
    # Two instants if the clock was put back at that time; none if it was put forward.
    is_early, is_late = (
        f"{_offset(_naive(early), zone)} = {before}",
        f"{_offset(_naive(late), zone)} = {after}",
    )
    both = f"WHEN {is_early} AND {is_late} THEN GREATEST({early}, {late})"
    return f"(CASE {both} WHEN {is_late} THEN {late} ELSE {early} END)"


def _naive(microseconds: str) -> str:
    return f"DATEADD(MICROSECOND, {microseconds}, '1970-01-01'::TIMESTAMP_NTZ)"


def _offset(time: str, zone: str) -> str:
    """How far a zone's clock is ahead of UTC at an instant."""
    local = f"CONVERT_TIMEZONE('UTC', {literal(zone)}, {time})"
    return f"(DATE_PART(EPOCH_MICROSECOND, {local}) - DATE_PART(EPOCH_MICROSECOND, {time}))"


def within(column: Column, zone: str, earliest: int | None, latest: int | None) -> list[str]:
    """Conditions that times are within bounds, or near to them; none where that cannot be said.

    They are about the column itself, so that Snowflake leaves out its partitions.
    """
    if column.kind not in ("timestamp_ntz", "timestamp_tz", "timestamp_ltz", "date"):
        return []
    zoned = column.kind in ("timestamp_tz", "timestamp_ltz")
    slack = _MICROSECOND if zoned or (zone == "UTC" and column.kind != "date") else _LOCAL_SLACK
    conditions = []
    for operator, bound, shift in ((">=", earliest, -slack), ("<=", latest, slack)):
        text = None if bound is None else _text_of(bound, shift)
        if text is not None:
            kind = "TIMESTAMP_TZ" if zoned else column.kind.upper()
            value = text[:10] if column.kind == "date" else text + ("+00:00" if zoned else "")
            conditions.append(f"{column.sql} {operator} '{value}'::{kind}")
    return conditions


def _text_of(microseconds: int, shift: timedelta) -> str | None:
    """An instant as text (UTC); None outside of the years that text can say."""
    if abs(microseconds) > 10**18:
        return None
    try:
        moment = _EPOCH + timedelta(microseconds=microseconds) + shift
    except OverflowError:
        return None
    shown = moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return shown if _EARLIEST <= moment <= _LATEST else None


def among(columns: Mapping[str, Column], keys: pa.Table) -> str | None:
    """The condition that a row has one of the keys; None where they cannot be said in SQL.

    Args:
        columns: of the source, by name.
        keys: distinct keys under the names of these columns.
    """
    if not keys.num_rows:
        return "FALSE"
    literals = {name: _literals(keys.column(name), columns[name].kind) for name in keys.schema.names}
    said = {name: values for name, values in literals.items() if values is not None}
    if sum(pc.sum(pc.binary_length(values)).as_py() for values in said.values()) > _MOST_TEXT:
        return None
    if len(said) == len(literals) > 1:
        rows = pc.binary_join_element_wise(*said.values(), ", ")
        listed = _joined(pc.binary_join_element_wise("(", rows, ")", ""))
        return f"({', '.join(columns[name].sql for name in said)}) IN ({listed})"
    parts = [f"{columns[name].sql} IN ({_joined(values)})" for name, values in said.items()]
    return " AND ".join(parts) or None


def of_changed(
    source: SnowflakeSource, columns: Mapping[str, Column], changed: ChangedEntities, latest: int | None
) -> str | None:
    """The condition that a row is of an entity that has changed; None where that cannot be said in SQL."""

    def time(name: str, *, up: bool = True) -> str:
        return instant(columns[source.own_column(name)], source.timezone, up=up)

    others = None if changed.besides is None else among(columns, changed.besides)
    if changed.besides is not None and others is None:
        return None
    event = time(source.event_timestamp)
    ways = [f"({event} > {low} AND {event} <= {high})" for low, high in changed.spans]
    if source.created_timestamp is not None:
        created = time(source.created_timestamp, up=False)
        ways += [f"{created} > {changed.created_after}", f"{created} IS NULL"]
    if source.available_at is not None:
        ways.append(f"{time(source.available_at)} > {changed.available_after}")
    keys = ", ".join(columns[name].sql for name in changed.keys)
    seen = within(columns[source.event_column], source.timezone, None, latest)
    asked = where([*seen, "(" + " OR ".join(ways) + ")"])
    found = f"({keys}) IN (SELECT {keys} FROM {rows_of(source)}{asked})"
    return found if others is None else f"({found} OR {others})"


def _joined(items: pa.ChunkedArray) -> str:
    one = pa.ListArray.from_arrays([0, len(items)], items.combine_chunks())
    return str(pc.binary_join(one, ", ")[0].as_py())


def _literals(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray | None:
    """Keys as SQL that compares with a column of a type; None where there is none."""
    found = column.type
    if kind == "number" and pa.types.is_integer(found):
        return column.cast(pa.string())
    if kind == "boolean" and pa.types.is_boolean(found):
        return column.cast(pa.string())
    if kind == "text" and pa.types.is_string(found):
        for sign, twice in (("\\", "\\\\"), ("'", "''")):
            column = pc.replace_substring(column, sign, twice)
        return pc.binary_join_element_wise("'", column, "'", "")
    if kind == "date" and pa.types.is_date(found):
        days = pc.min_max(column.cast(pa.date32()).cast(pa.int32())).as_py()
        if days["min"] < (_EARLIEST - _EPOCH).days or days["max"] > (_LATEST - _EPOCH).days:
            return None
        return pc.binary_join_element_wise("'", column.cast(pa.string()), "'::DATE", "")
    return None
