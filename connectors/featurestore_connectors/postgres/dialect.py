"""How PostgreSQL writes what joins are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.database import PostgresSource
from featurestore.definitions.types import (
    FLOATS,
    INTEGERS,
    Decimal,
    FeatureType,
    Float32,
    List,
    String,
    Timestamp,
    Vector,
    ZonedTimestamp,
)
from featurestore_connectors.names import name_parts, quoted
from featurestore_connectors.postgres import windows
from featurestore_connectors.postgres.sql import instant, interval, literal, moment, rows_of, within
from featurestore_connectors.postgres.types import Column
from featurestore_connectors.push_down.inputs import input_values

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from featurestore.protocols.offline import WindowColumn
    from featurestore_connectors.push_down.inputs import Input

_TEXTS = ("text", "varchar")
_INSTANT = pa.timestamp("us", "UTC")
# The first instant of PostgreSQL, and the last one that is a number of microseconds of 64 bits.
_FIRST, _LAST = "4714-11-24 00:00:00+00 BC", "294247-01-10 04:00:54.775807+00"


_SENT = {
    pa.bool_(): pa.bool_(), pa.int8(): pa.int16(), pa.uint8(): pa.int16(), pa.int16(): pa.int16(),
    pa.uint16(): pa.int32(), pa.int32(): pa.int32(), pa.uint32(): pa.int64(), pa.int64(): pa.int64(),
    pa.float16(): pa.float32(), pa.float32(): pa.float32(), pa.float64(): pa.float64(), pa.string(): pa.string(),
    pa.large_string(): pa.string(), pa.string_view(): pa.string(), pa.binary(): pa.binary(),
    pa.large_binary(): pa.binary(), pa.date32(): pa.date32(),
}  # fmt: skip
_TYPES = {
    "int8": "smallint", "uint8": "smallint", "int16": "smallint", "uint16": "integer", "int32": "integer",
    "uint32": "bigint", "int64": "bigint", "uint64": "numeric(20)", "float16": "real", "float32": "real",
    "float64": "double precision", "bool": "boolean", "string": "text", "bytes": "bytea", "date": "date",
}  # fmt: skip


def _type_of(dtype: FeatureType) -> str:
    if isinstance(dtype, List | Vector):
        return f"{_type_of(dtype.item)}[]"
    if isinstance(dtype, Decimal):
        return f"numeric({dtype.precision}, {dtype.scale})"
    return "timestamptz" if isinstance(dtype, ZonedTimestamp) else _TYPES[str(dtype)]


class PostgresDialect:
    """PostgreSQL's; instants are ``timestamptz``. See `Dialect`."""

    no_instant = "NULL::timestamptz"
    nearest = False
    materialized = " MATERIALIZED"
    earliest = -210_866_803_200_000_000  # the year 4713 before Christ

    def rows_of(self, source: PostgresSource) -> str:
        """What stands after FROM; see `Dialect`."""
        return rows_of(source)

    def instant(self, column: Column, zone: str, *, up: bool = True) -> str:  # noqa: ARG002 (no digits beyond)
        """A column of times as an instant; see `Dialect`."""
        return instant(column.sql, column.kind, zone)

    def finite(self, instant: str) -> str:
        """The instant, or an error where it is infinite; see `Dialect`."""
        error = f"({instant}::text || ' is out of range')::timestamptz"
        return f"CASE WHEN isfinite({instant}) THEN {instant} ELSE {error} END"

    def moment(self, microseconds: int) -> str:
        """An instant as SQL; see `Dialect`."""
        return moment(microseconds)

    def later_by(self, instant: str, microseconds: int) -> str:
        """The instant so much later; see `Dialect`."""
        return f"{instant} + {interval(microseconds)}"

    def seen(self, column: Column, delay: int) -> str:
        """The last event that an entity row ``e`` sees, as a column of times in UTC stores it."""
        until = "e.until"
        if delay:
            possible = f"e.until - 'epoch'::timestamptz >= {interval(self.earliest + delay)}"
            until = f"(CASE WHEN {possible} THEN e.until - {interval(delay)} END)"
        return f"{until} AT TIME ZONE 'UTC'" if column.kind == "timestamp" else until

    def microseconds(self, instant: str) -> str:
        """An instant as microseconds since the epoch; see `Dialect`."""
        bounded = f"least(greatest({instant}, '{_FIRST}'::timestamptz), '{_LAST}'::timestamptz)"
        return f"(extract(epoch FROM {bounded}) * 1000000)::bigint"

    def within(self, column: Column, zone: str, earliest: int | None, latest: int | None) -> list[str]:
        """Conditions that times are within bounds; see `Dialect`."""
        return within(column.sql, column.kind, zone, earliest, latest)

    def key(self, column: Column, dtype: FeatureType, zone: str) -> str:
        """A join key; see `Dialect`."""
        if dtype == Timestamp:
            return instant(column.sql, column.kind, zone)
        return f"{column.sql}::text" if dtype == String and column.kind not in _TEXTS else column.sql

    def value(self, column: Column, dtype: FeatureType, zone: str) -> str:
        """A feature as it is returned; see `Dialect`."""
        if isinstance(dtype, ZonedTimestamp) and column.kind in ("timestamp", "date"):
            return instant(column.sql, column.kind, zone)
        return column.returned

    def order(self, column: Column, dtype: FeatureType) -> list[str]:
        """Expressions in the order of the values; see `Dialect`."""
        if isinstance(dtype, List | Vector):
            items = "u IS NOT NULL, " + ", ".join(_order("u", dtype.item, column.kind.removeprefix("_")))
            listed = f"(SELECT array_agg(ROW({items}) ORDER BY n) FROM unnest({column.sql}) WITH ORDINALITY AS l(u, n))"
            return [f"CASE WHEN {column.sql} IS NOT NULL THEN coalesce({listed}, '{{}}') END"]
        return _order(column.sql, dtype, column.kind)

    def orders(self, dtype: FeatureType) -> bool:  # noqa: ARG002 (it orders all)
        """Whether values of a type can be ordered; see `Dialect`."""
        return True

    def alike(self, column: Column) -> str:
        """What is not needed where all is ordered; see `Dialect`."""
        return column.returned

    def sent_instants(self, instants: npt.NDArray[np.int64], absent: npt.NDArray[np.bool_]) -> pa.Array:
        """Instants of entity rows; see `Dialect`."""
        return pa.array(instants, mask=absent).cast(_INSTANT)

    def sent_keys(self, keys: pa.ChunkedArray) -> pa.ChunkedArray:
        """Keys in a type that the driver sends; see `Dialect`."""
        if pa.types.is_string(keys.type):
            return pc.if_else(pc.match_substring(keys, "\x00"), None, keys)
        if keys.type == pa.uint64():
            return pc.if_else(pc.less(keys, pa.scalar(2**63, pa.uint64())), keys, None).cast(pa.int64())
        if pa.types.is_timestamp(keys.type):
            instants = keys.cast(_INSTANT)
            return pc.if_else(pc.greater_equal(instants.cast(pa.int64()), self.earliest), instants, None)
        return keys if not pa.types.is_integer(keys.type) else keys.cast(pa.int64())

    def sent_column(self, column: pa.ChunkedArray, sql: str) -> tuple[pa.ChunkedArray, str] | None:
        """Any column as it is loaded; see `Dialect`."""
        found = column.type
        if pa.types.is_dictionary(found):
            return self.sent_column(column.cast(found.value_type), sql)
        if pa.types.is_decimal(found):
            return column.cast(pa.string()), f"{sql}::numeric({found.precision}, {found.scale})"
        if found == pa.uint64():
            return column.cast(pa.string()), f"{sql}::numeric(20)"
        if pa.types.is_timestamp(found):
            return column.cast(pa.timestamp("us", found.tz and "UTC"), safe=False), sql
        sent = _SENT.get(found)
        return None if sent is None else (column.cast(sent), sql)

    def stored(self, sql: str, column: Column | None, dtype: FeatureType, zone: str) -> str:  # noqa: ARG002
        """A feature in the type that a table has for it; see `Dialect`."""
        return f"{sql}::{_type_of(dtype)}"

    def column_name(self, name: str) -> str:
        """The name of a column; see `Dialect`."""
        return name

    def table_name(self, name: str) -> str:
        """The name of a table as SQL; see `Dialect`."""
        return ".".join(map(quoted, name_parts(name)))

    def refused(self, dtypes: Sequence[FeatureType]) -> str | None:  # noqa: ARG002 (it has all)
        """What it cannot return; see `Dialect`."""
        return None

    def unaggregated(self, window: WindowColumn) -> str | None:
        """Why the database cannot give an aggregation; see `Dialect`."""
        return windows.unaggregated(window)

    def aggregated(self, each: Input) -> str:
        """The value of an aggregation; see `Dialect`."""
        values = input_values(windows.Values, each, self._aggregated_value, self.order)
        return windows.aggregated(values)

    def _aggregated_value(self, column: Column, dtype: FeatureType, zone: str) -> str:
        """A value in the one type in which all values of `dtype` are aggregated."""
        if dtype in FLOATS:
            short = column.text and dtype == Float32
            return f"{column.sql}{'::real' if short else ''}::float8"
        if dtype in INTEGERS:
            return windows.whole(column.sql, dtype) if column.kind == "numeric" else f"{column.sql}::bigint"
        if dtype == String:
            return f'({column.returned}::text COLLATE "C")'
        return column.sql if isinstance(dtype, Decimal) else self.value(column, dtype, zone)

    def series(self, values: Sequence[str], dtype: FeatureType) -> str:  # noqa: ARG002 (arrays of all types)
        """Values as an array; see `Dialect`."""
        return f"ARRAY[{', '.join(values)}]"

    def compared(self, column: Column) -> str:
        """A column as conditions compare it; see `Dialect`."""
        return column.returned if pa.types.is_string(column.type) else column.sql

    def text(self, value: str) -> str:
        """A text as SQL; see `Dialect`."""
        return literal(value)


def _order(sql: str, dtype: FeatureType, kind: str) -> list[str]:
    if dtype in FLOATS:
        send = "float4send" if kind == "float4" else "float8send"
        cast = sql if kind in ("float4", "float8") else f"{sql}::float8"
        return [cast, f"NOT ({cast} = 0 AND get_byte({send}({cast}), 0) > 127)"]
    if dtype == String:
        return [f'{sql}::text COLLATE "C"']
    return [sql]
