"""Queries that leave out columns, times and keys that do not matter, in the database's dialect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from featurestore.definitions.database import SqlSource
from featurestore.protocols.sources import SourceColumns, WantedRows

# Databases limit how many values a statement may have.
MAX_KEYS = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = datetime(1, 1, 10, tzinfo=UTC), datetime(9999, 12, 20, tzinfo=UTC)
# More than any zone is away from UTC, twice; and SQLite compares times as texts, of which only the dates are alike.
_SLACK = timedelta(days=3)


def select(
    source: SqlSource, table: sa.FromClause, there: SourceColumns, columns: Sequence[str], rows: WantedRows
) -> sa.Select[Any]:
    """The query for some columns of the rows that are wanted, and of some others."""
    query = sa.select(*(table.c[name] for name in columns))
    query = query.where(*_within(source, table, there, rows), *_among(table, there, rows.keys))
    return query if rows.first is None else query.limit(rows.first)


def _within(
    source: SqlSource, table: sa.FromClause, there: SourceColumns, rows: WantedRows
) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that event timestamps are within bounds, or near to them."""
    event = source.event_column
    if event not in there.schema.names or event in there.text:
        return
    found = there.schema.field(event).type
    earliest, latest = _moment(rows.earliest, -_SLACK, found), _moment(rows.latest, _SLACK, found)
    if earliest is not None:
        yield table.c[event] >= earliest
    if latest is not None:
        yield table.c[event] <= latest


def _moment(microseconds: int | None, slack: timedelta, found: pa.DataType) -> object:
    """An instant as a value to compare a column with; None where there is none."""
    if microseconds is None or abs(microseconds) > 10**18:
        return None
    try:
        moment = _EPOCH + timedelta(microseconds=microseconds) + slack
    except OverflowError:
        return None
    if not _EARLIEST <= moment <= _LATEST:
        return None
    if pa.types.is_date(found):
        return moment.date()
    if not pa.types.is_timestamp(found):
        return None
    return moment if found.tz else moment.replace(tzinfo=None)


def _among(
    table: sa.FromClause, there: SourceColumns, keys: pa.Table | None
) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that each key column has one of its values: integers and texts, as long as they are few."""
    if keys is None or keys.num_rows > MAX_KEYS:
        return
    for name in keys.schema.names:
        if name not in there.schema.names or name in there.text:
            continue
        found, values = there.schema.field(name).type, keys.column(name)
        if not any(same(found) and same(values.type) for same in (pa.types.is_integer, pa.types.is_string)):
            continue
        distinct = values.unique().to_pylist()
        if all(isinstance(value, str) or abs(value) < 2**63 for value in distinct):
            yield table.c[name].in_(distinct)
