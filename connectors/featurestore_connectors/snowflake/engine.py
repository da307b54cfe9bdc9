"""The offline engine that runs in Snowflake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from featurestore.definitions.database import SnowflakeSource
from featurestore.definitions.types import FeatureType, List, Vector, ZonedTimestamp
from featurestore.errors import SourceError
from featurestore.frames.types import arrow_type
from featurestore_connectors.push_down import PushDownEngine
from featurestore_connectors.snowflake.connections import Session
from featurestore_connectors.snowflake.dialect import SnowflakeDialect
from featurestore_connectors.snowflake.reader import columns_of
from featurestore_connectors.snowflake.sql import catalogue, literal, table_parts
from featurestore_connectors.snowflake.types import Column, converted


class SnowflakeEngine(PushDownEngine):
    """Offline engine in Snowflake, for plain features and aggregations over its tables and queries.

    The entity rows are uploaded and copied into a temporary table; one statement for each view does the join (an
    ASOF JOIN where it is exact), and its result is streamed back in their order. The session needs a current schema.
    """

    name = "snowflake"
    system = "Snowflake"
    source = SnowflakeSource
    dialect = SnowflakeDialect()

    def session(self, source: SnowflakeSource) -> Session:
        """A connection to the database of a source."""
        return Session(source=source.name, url=source.url)

    def columns(self, session: Session, source: SnowflakeSource) -> Sequence[Column]:
        """The columns of a source; JSON is text here, as only that is ordered like its values."""
        found = columns_of(session, source)
        return [replace(each, text=False) if pa.types.is_string(each.type) else each for each in found]

    def reads(self, column: Column, dtype: FeatureType) -> bool:
        """Whether a column can be read as a type: lists from JSON, and from nothing else."""
        if isinstance(dtype, List | Vector):
            return column.kind in ("array", "variant")
        return super().reads(column, dtype)

    def table_name(self, name: str) -> str:
        """What a source is called in a user's SQL: without quotes, so that it is found however it is written."""
        return name

    def declared(self, found: pa.Array, dtype: FeatureType, *, source: str, what: str) -> pa.Array:
        """A returned column in the Arrow type of `dtype`."""
        wanted = arrow_type(dtype)
        try:
            if pa.types.is_integer(found.type) and isinstance(dtype, ZonedTimestamp):
                return found.cast(pa.int64()).cast(pa.timestamp("us", "UTC")).cast(wanted)
            if pa.types.is_timestamp(found.type):
                # By the zone's name only: the instants are the same.
                return (
                    converted(found, pa.timestamp("us", found.type.tz and "UTC"))
                    .cast(pa.int64())
                    .cast(wanted)
                )
            return converted(found, wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SourceError(
                f"Source {source!r}: {what} holds a value that is not a {dtype}: {error}.",
                hint="Repair the row, or declare another type.",
            ) from error

    def estimated_rows(self, session: Session, source: SnowflakeSource) -> int | None:
        """How many rows a table has."""
        if not source.table:
            return None
        *place, name = table_parts(source.table)
        schema = literal(place[-1]) if place else "CURRENT_SCHEMA()"
        found = session.table(
            f"SELECT row_count AS n FROM {catalogue(place)} "
            f"WHERE table_schema = {schema} AND table_name = {literal(name)}"
        )
        rows = found.column("n")[0].as_py() if found.num_rows else None
        return None if rows is None else int(rows)
