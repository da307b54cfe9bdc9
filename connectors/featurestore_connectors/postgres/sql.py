"""SQL for PostgreSQL: names, literals, and conditions that leave out rows that do not matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.database import PostgresSource
from featurestore.protocols.sources import ChangedEntities
from featurestore_connectors.names import name_parts, quoted

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = datetime(1, 1, 10, tzinfo=UTC), datetime(9999, 12, 20, tzinfo=UTC)
_BEFORE_ALL = -2 * 10**17  # microseconds: PostgreSQL's times begin in the year 4713 before Christ
_LOCAL_SLACK = timedelta(days=3)  # more than any zone is away from UTC, twice
_UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_INTEGERS = ("int2", "int4", "int8")
_TEXTS = ("text", "varchar", "uuid")


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def rows_of(source: PostgresSource) -> str:
    """What stands after FROM, under the name ``s``."""
    if source.query:
        return f"(\n{source.query}\n) AS s"
    return f"{'.'.join(map(quoted, name_parts(source.table)))} AS s"


def where(conditions: Iterable[str | None]) -> str:
    """WHERE, if there are conditions."""
    given = [condition for condition in conditions if condition]
    return f"\nWHERE {' AND '.join(given)}" if given else ""


def instant(sql: str, kind: str, zone: str) -> str:
    """A column of times as ``timestamptz``: ambiguous local times are the later instant, missing ones move forward."""
    if kind == "timestamptz":
        return sql
    return f"({sql}{'::timestamp' if kind == 'date' else ''} AT TIME ZONE {literal(zone)})"


def interval(microseconds: int) -> str:
    """A duration as SQL."""
    return f"'{microseconds} microseconds'::interval"


def moment(microseconds: int) -> str:
    """An instant as SQL."""
    # PostgreSQL multiplies intervals as floats: whole steps of 10^12 microseconds stay exact in every year.
    steps, rest = divmod(microseconds, 10**12)
    return f"('epoch'::timestamptz + {steps} * '1000000 seconds'::interval + {interval(rest)})"


def within(column: str, kind: str, zone: str, earliest: int | None, latest: int | None) -> list[str]:
    """Conditions that event timestamps (of a type) are within bounds, or near to them; none where that cannot be said.

    Args:
        column: as SQL.
        kind: PostgreSQL's type.
        zone: of naive times.
        earliest: microseconds since the epoch, included.
        latest: likewise.
    """
    if kind not in ("timestamptz", "timestamp", "date"):
        return []
    exact = kind == "timestamptz" or (kind == "timestamp" and zone == "UTC")
    slack = timedelta(0) if exact else _LOCAL_SLACK
    conditions = []
    for operator, bound, shift in ((">=", earliest, -slack), ("<=", latest, slack)):
        text = None if bound is None else _instant(bound, shift)
        if text is not None:
            conditions.append(f"{column} {operator} '{text}'::{kind}")
    return conditions


def _instant(microseconds: int, shift: timedelta) -> str | None:
    """An instant as text (UTC); None outside of the years that text can say."""
    if abs(microseconds) > 10**18:
        return None
    try:
        moment = _EPOCH + timedelta(microseconds=microseconds) + shift
    except OverflowError:
        return None
    return moment.isoformat(sep=" ") if _EARLIEST <= moment <= _LATEST else None


def among(kinds: Mapping[str, str], keys: pa.Table) -> str | None:
    """The condition that a row has one of the keys; None where they cannot be said in SQL.

    Args:
        kinds: columns of the source: name to PostgreSQL's type.
        keys: distinct keys under the names of these columns.
    """
    possible = _possible(kinds, keys)
    if not possible.num_rows:
        return "FALSE"
    found = {name: _array(possible.column(name), kinds[name]) for name in possible.schema.names}
    arrays = {f"s.{quoted(name)}": array for name, array in found.items() if array is not None}
    if len(arrays) == len(found) > 1:
        return f"({', '.join(arrays)}) IN (SELECT * FROM unnest({', '.join(arrays.values())}))"
    return " AND ".join(f"{name} = ANY ({array})" for name, array in arrays.items()) or None


def of_changed(
    source: PostgresSource, kinds: Mapping[str, str], changed: ChangedEntities, latest: int | None
) -> str | None:
    """The condition that a row is of an entity that has changed; None where that cannot be said in SQL."""

    def column(name: str) -> str:
        own = source.own_column(name)
        return instant(f"s.{quoted(own)}", kinds[own], source.timezone)

    others = None if changed.besides is None else among(kinds, changed.besides)
    if changed.besides is not None and others is None:
        return None
    event = column(source.event_timestamp)
    ways = [f"({_later(event, low)} AND NOT {_later(event, high)})" for low, high in changed.spans]
    if source.created_timestamp is not None:
        created = column(source.created_timestamp)
        ways += [_later(created, changed.created_after), f"{created} IS NULL"]
    if source.available_at is not None:
        ways.append(_later(column(source.available_at), changed.available_after))
    own, keys = source.event_column, ", ".join(f"s.{quoted(name)}" for name in changed.keys)
    seen = within(f"s.{quoted(own)}", kinds[own], source.timezone, None, latest)
    found = (
        f"({keys}) IN (SELECT {keys} FROM {rows_of(source)}{where([*seen, '(' + ' OR '.join(ways) + ')'])})"
    )
    return found if others is None else f"({found} OR {others})"


def _later(column: str, than: int) -> str:
    """The condition that a time is later than an instant, which may be earlier than any that PostgreSQL has."""
    return f"({column} > {moment(than)})" if than > _BEFORE_ALL else "TRUE"


def _possible(kinds: Mapping[str, str], keys: pa.Table) -> pa.Table:
    """The keys without those that no row of the database can have."""
    for name in keys.schema.names:
        if not pa.types.is_string(keys.column(name).type):
            continue
        if kinds[name] == "uuid":
            keys = keys.filter(pc.match_substring_regex(keys.column(name), _UUID))
        else:
            keys = keys.filter(pc.invert(pc.match_substring(keys.column(name), "\x00")))
    return keys


def _array(column: pa.ChunkedArray, kind: str) -> str | None:
    """Keys as an array of PostgreSQL that compares with a column of a type; None where there is none."""
    found = column.type
    if kind in _INTEGERS and pa.types.is_integer(found):
        too_large = found == pa.uint64() and pc.max(column).as_py() >= 2**63
        return None if too_large else _braces(column.cast(pa.string()), "bigint")
    if kind == "bool" and pa.types.is_boolean(found):
        return _braces(column.cast(pa.string()), "boolean")
    if kind in _TEXTS and pa.types.is_string(found):
        return _braces(_escaped(column), "uuid" if kind == "uuid" else "text")
    if kind == "date" and pa.types.is_date(found):
        return _dates(column)
    if kind == "timestamptz" and pa.types.is_timestamp(found):
        return _times(column)
    return None


def _dates(column: pa.ChunkedArray) -> str | None:
    ends = pc.min_max(column.cast(pa.int32())).as_py()
    first, last = ((day - _EPOCH).days for day in (_EARLIEST, _LATEST))
    if ends["min"] < first or ends["max"] > last:
        return None
    return _braces(column.cast(pa.string()), "date")


def _times(column: pa.ChunkedArray) -> str | None:
    instants = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    ends = pc.min_max(instants).as_py()
    if _instant(ends["min"], timedelta(0)) is None or _instant(ends["max"], timedelta(0)) is None:
        return None
    naive = instants.cast(pa.timestamp("us"))
    return _braces(pc.binary_join_element_wise('"', naive.cast(pa.string()), '+00"', ""), "timestamptz")


def _escaped(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts as items of an array within a literal."""
    for sign, twice in (("\\", "\\\\"), ('"', '\\"'), ("'", "''")):
        texts = pc.replace_substring(texts, sign, twice)
    return pc.binary_join_element_wise('"', texts, '"', "")


def _braces(items: pa.ChunkedArray, kind: str) -> str:
    one = pa.ListArray.from_arrays([0, len(items)], items.combine_chunks())
    return f"'{{{pc.binary_join(one, ',')[0].as_py()}}}'::{kind}[]"
