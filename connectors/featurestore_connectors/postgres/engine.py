"""The offline engine that runs in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from featurestore.definitions.database import PostgresSource
from featurestore.definitions.types import FeatureType
from featurestore_connectors.postgres.connections import Session
from featurestore_connectors.postgres.dialect import PostgresDialect
from featurestore_connectors.postgres.reader import columns_of
from featurestore_connectors.postgres.results import declared
from featurestore_connectors.postgres.types import Column
from featurestore_connectors.push_down import PushDownEngine

if TYPE_CHECKING:
    import pyarrow as pa


class PostgresEngine(PushDownEngine):
    """Offline engine in PostgreSQL, for views with plain features over its tables and queries.

    The entity rows are copied into a temporary table; one statement for each view does the join, and its result is
    streamed back in their order. The user needs the right to make temporary tables.
    """

    name = "postgres"
    system = "PostgreSQL"
    source = PostgresSource
    dialect = PostgresDialect()

    def session(self, source: PostgresSource) -> Session:
        """A connection to the database of a source."""
        return Session(source=source.name, url=source.url, read_only=False)

    def columns(self, session: Session, source: PostgresSource) -> Sequence[Column]:
        """The columns of a source."""
        return columns_of(session, source)

    def declared(self, found: pa.Array, dtype: FeatureType, *, source: str, what: str) -> pa.Array:
        """A returned column in the Arrow type of `dtype`."""
        return declared(found, dtype, source=source, what=what)
