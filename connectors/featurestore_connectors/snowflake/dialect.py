"""How Snowflake writes what joins are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from featurestore.definitions.types import FLOATS, FeatureType, String, Timestamp, ZonedTimestamp
from featurestore.frames.types import arrow_type
from featurestore_connectors.snowflake.sql import instant, rows_of, within

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from featurestore.definitions.database import SnowflakeSource
    from featurestore_connectors.snowflake.types import Column


class SnowflakeDialect:
    """Snowflake's; instants are whole microseconds since the epoch. See `Dialect`."""

    no_instant = "CAST(NULL AS BIGINT)"
    nearest = True
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
        if dtype in FLOATS:
            cast = column.sql if column.kind == "float" else f"{column.sql}::FLOAT"
            return [cast, f"NOT ({cast} = 0 AND {cast}::VARCHAR LIKE '-%')"]
        if dtype == String:
            return [f"TO_BINARY({column.returned}::VARCHAR, 'UTF-8')"]
        return [column.sql]

    def sent_instants(self, instants: npt.NDArray[np.int64], absent: npt.NDArray[np.bool_]) -> pa.Array:
        """Instants of entity rows; see `Dialect`."""
        return pa.array(instants, mask=absent)

    def sent_keys(self, keys: pa.ChunkedArray) -> pa.ChunkedArray:
        """Keys as they are loaded; see `Dialect`."""
        if pa.types.is_timestamp(keys.type):
            return keys.cast(pa.timestamp("us", keys.type.tz)).cast(pa.int64())
        return keys

    def refused(self, dtypes: Sequence[FeatureType]) -> str | None:
        """What it cannot order; see `Dialect`."""
        nested = [dtype for dtype in dtypes if pa.types.is_nested(arrow_type(dtype))]
        return f"has features of type {nested[0]}" if nested else None
