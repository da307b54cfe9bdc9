"""The offline engine that runs in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from featurestore.definitions.database import PostgresSource
from featurestore.definitions.types import FeatureType
from featurestore_connectors.names import name_parts, quoted
from featurestore_connectors.postgres.connections import Session
from featurestore_connectors.postgres.dialect import PostgresDialect
from featurestore_connectors.postgres.reader import columns_of
from featurestore_connectors.postgres.results import declared
from featurestore_connectors.postgres.sql import literal
from featurestore_connectors.postgres.types import Column
from featurestore_connectors.push_down import PushDownEngine

if TYPE_CHECKING:
    import pyarrow as pa


class PostgresEngine(PushDownEngine):
    """Offline engine in PostgreSQL, for plain features and aggregations over its tables and queries.

    The entity rows are copied into a temporary table; one statement for each view joins or aggregates, and its
    result is streamed back in their order. The user needs the right to make temporary tables.
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

    def estimated_rows(self, session: Session, source: PostgresSource) -> int | None:
        """How many rows a table has, as of its last ANALYZE or VACUUM."""
        if not source.table:
            return None
        name = literal(".".join(map(quoted, name_parts(source.table))))
        # Of a partitioned table the sum over its partitions, if it has not been analysed as a whole.
        found = session.table(
            "SELECT greatest(max(c.reltuples), (SELECT sum(p.reltuples) FROM pg_partition_tree(c.oid) t "
            "JOIN pg_class p ON p.oid = t.relid WHERE t.isleaf))::int8 AS n "
            f"FROM pg_class c WHERE c.oid = to_regclass({name}) AND c.relkind IN ('r', 'm', 'p') GROUP BY c.oid"
        )
        rows = found.column("n")[0].as_py() if found.num_rows else None
        return None if rows is None or rows < 0 else int(rows)

    def refusal(self, session: Session) -> str | None:
        """Why joins cannot run in this database: they need a temporary table."""
        found = session.table(
            "SELECT has_database_privilege(current_database(), 'TEMPORARY') AND NOT pg_is_in_recovery() AS may"
        )
        return None if found.column("may")[0].as_py() else "temporary tables cannot be made there"
