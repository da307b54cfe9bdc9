"""How Snowflake writes what joins are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from featurestore.definitions.types import (
    FLOATS,
    INTEGERS,
    Bool,
    Decimal,
    FeatureType,
    List,
    Map,
    String,
    Timestamp,
    Vector,
    ZonedTimestamp,
)
from featurestore.errors import RequestError
from featurestore.frames.types import is_bytes, is_text
from featurestore_connectors.names import quoted
from featurestore_connectors.push_down.inputs import input_values
from featurestore_connectors.snowflake import windows
from featurestore_connectors.snowflake.sql import instant, literal, rows_of, table_parts, within
from featurestore_connectors.snowflake.types import shown_name

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from featurestore.definitions.database import SnowflakeSource
    from featurestore.protocols.offline import WindowColumn
    from featurestore_connectors.push_down.inputs import Input
    from featurestore_connectors.snowflake.types import Column


_TYPES = {"bool": "BOOLEAN", "string": "VARCHAR", "bytes": "BINARY", "date": "DATE"}


def _in_json(dtype: FeatureType) -> bool:
    """Whether JSON, as Snowflake writes it, tells all values of a type."""
    if isinstance(dtype, List | Vector):
        return _in_json(dtype.item)
    return isinstance(dtype, Decimal) or dtype in (*INTEGERS, *FLOATS, Bool, String)


def _time(microseconds: str, *, zoned: bool) -> str:
    time = f"DATEADD(MICROSECOND, {microseconds}, '1970-01-01'::TIMESTAMP_NTZ)"
    return f"{time}::TIMESTAMP_TZ" if zoned else time


class SnowflakeDialect:
    """Snowflake's; instants are whole microseconds since the epoch. See `Dialect`."""

    no_instant = "CAST(NULL AS BIGINT)"
    nearest = True
    materialized = ""
    earliest = -(2**62)

    def rows_of(self, source: SnowflakeSource) -> str:
        """What stands after FROM; see `Dialect`."""
        return rows_of(source)

    def instant(self, column: Column, zone: str, *, up: bool = True) -> str:
        """A column of times as an instant; see `Dialect`."""
        return instant(column, zone, up=up)

    def finite(self, instant: str) -> str:
        """The instant: all are finite; see `Dialect`."""
        return instant

    def moment(self, microseconds: int) -> str:
        """An instant as SQL; see `Dialect`."""
        return str(microseconds)

    def later_by(self, instant: str, microseconds: int) -> str:
        """The instant so much later; see `Dialect`."""
        return f"{instant} + {microseconds}"

    def microseconds(self, instant: str) -> str:
        """An instant as microseconds since the epoch: what it is; see `Dialect`."""
        return instant

    def within(self, column: Column, zone: str, earliest: int | None, latest: int | None) -> list[str]:
        """Conditions that times are within bounds; see `Dialect`."""
        return within(column, zone, earliest, latest)

    def key(self, column: Column, dtype: FeatureType, zone: str) -> str:
        """A join key; see `Dialect`."""
        if dtype == Timestamp:
            return instant(column, zone)
        return f"{column.returned}::VARCHAR" if dtype == String and column.kind != "text" else column.sql

    def value(self, column: Column, dtype: FeatureType, zone: str) -> str:
        """A feature as it is returned; see `Dialect`."""
        naive = column.kind in ("timestamp_ntz", "date")
        if isinstance(dtype, ZonedTimestamp) and naive and zone != "UTC":
            return instant(column, zone)
        return column.returned

    def order(self, column: Column, dtype: FeatureType) -> list[str]:
        """Expressions in the order of the values; see `Dialect`."""
        if not self.orders(dtype):
            return []
        if dtype in FLOATS:
            cast = column.sql if column.kind == "float" else f"{column.sql}::FLOAT"
            return [cast, f"NOT ({cast} = 0 AND {cast}::VARCHAR LIKE '-%')"]
        if dtype == String:
            return [f"TO_BINARY({column.returned}::VARCHAR, 'UTF-8')"]
        return [column.sql]

    def orders(self, dtype: FeatureType) -> bool:
        """Whether values of a type can be ordered: not lists, which are JSON there; see `Dialect`."""
        return not isinstance(dtype, List | Vector)

    def alike(self, column: Column) -> str:
        """The text of a list; see `Dialect`."""
        return f"COALESCE({column.returned}, '')"

    def sent_instants(self, instants: npt.NDArray[np.int64], absent: npt.NDArray[np.bool_]) -> pa.Array:
        """Instants of entity rows; see `Dialect`."""
        return pa.array(instants, mask=absent)

    def sent_keys(self, keys: pa.ChunkedArray) -> pa.ChunkedArray:
        """Keys as they are loaded; see `Dialect`."""
        if pa.types.is_timestamp(keys.type):
            return keys.cast(pa.timestamp("us", keys.type.tz)).cast(pa.int64())
        return keys

    def sent_column(self, column: pa.ChunkedArray, sql: str) -> tuple[pa.ChunkedArray, str] | None:
        """Any column as it is loaded; see `Dialect`."""
        found = column.type
        if pa.types.is_dictionary(found):
            return self.sent_column(column.cast(found.value_type), sql)
        if pa.types.is_timestamp(found):
            ticks = column.cast(pa.timestamp("us", found.tz), safe=False).cast(pa.int64())
            return ticks, _time(sql, zoned=found.tz is not None)
        if pa.types.is_decimal(found):
            return column.cast(pa.string()), f"{sql}::NUMBER({found.precision}, {found.scale})"
        if is_text(found) or is_bytes(found):
            return column.cast(pa.string() if is_text(found) else pa.binary()), sql
        plain = pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_boolean(found)
        return (column, sql) if plain or found == pa.date32() else None

    def stored(self, sql: str, column: Column | None, dtype: FeatureType, zone: str) -> str:
        """A feature in the type that a table has for it; see `Dialect`."""
        if isinstance(dtype, ZonedTimestamp):
            if column is None or (column.kind in ("timestamp_ntz", "date") and zone != "UTC"):
                return _time(sql, zoned=True)
            return f"{sql}::TIMESTAMP_TZ"
        if isinstance(dtype, Decimal):
            return f"{sql}::NUMBER({dtype.precision}, {dtype.scale})"
        if dtype in FLOATS:
            return f"{sql}::FLOAT"
        return f"{sql}::{_TYPES.get(str(dtype), 'NUMBER(38, 0)')}"

    def column_name(self, name: str) -> str:
        """The name of a column; see `Dialect`."""
        return name.upper() if shown_name(name.upper()) == name else name

    def table_name(self, name: str) -> str:
        """The name of a table as SQL; see `Dialect`."""
        return ".".join(map(quoted, table_parts(name)))

    def refused(self, dtypes: Sequence[FeatureType]) -> str | None:
        """What JSON has no values for; see `Dialect`."""
        foreign = [
            dtype for dtype in dtypes if isinstance(dtype, List | Map | Vector) and not _in_json(dtype)
        ]
        return f"has features of type {foreign[0]}" if foreign else None

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
            return f"{column.sql}::FLOAT"
        if dtype in INTEGERS:
            return windows.whole(column.sql, dtype) if column.text else column.sql
        if dtype == String:
            return f"{column.returned}::VARCHAR"
        return instant(column, zone) if isinstance(dtype, ZonedTimestamp) else self.value(column, dtype, zone)

    def series(self, values: Sequence[str], dtype: FeatureType) -> str:
        """Nothing: lists are refused before; see `Dialect`."""
        raise RequestError(
            f"Snowflake does not return a list of {len(values)} aggregations ({dtype}).",
            hint="Ask with engine='duckdb' or engine='polars': they read Snowflake too.",
        )

    def compared(self, column: Column) -> str:
        """A column as conditions compare it; see `Dialect`."""
        return column.returned

    def text(self, value: str) -> str:
        """A text as SQL; see `Dialect`."""
        return literal(value)
