"""The offline engine that runs in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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
from featurestore_connectors.push_down.dialect import Columns, Lookup

if TYPE_CHECKING:
    import pyarrow as pa

    from featurestore.protocols.offline import ViewPlan

# Measured (`python -m benchmarks postgres`): a lookup takes as long as to read so many rows.
_LOOKUP = 10
# So many rows stay where they are in any case: to move them takes a network and a disk.
_TOO_MANY = 10_000_000


class PostgresEngine(PushDownEngine):
    """Offline engine in PostgreSQL, for plain features and aggregations over its tables and queries.

    The entity rows are copied into a temporary table; one statement for each view joins or aggregates, and its
    result is streamed back in their order. The user needs the right to make temporary tables.
    """

    name = "postgres"
    system = "PostgreSQL"
    source = PostgresSource
    dialect = PostgresDialect()
    small = 10_000

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

    def lookup(self, session: Session, view: ViewPlan, columns: Columns) -> Lookup | None:
        """How an index on the join keys and the event timestamp leads to the rows of an entity before a time."""
        source: Any = view.source
        zone = source.timezone
        event = columns[source.event_timestamp]
        exact = event.kind == "timestamptz" or (event.kind == "timestamp" and zone == "UTC")
        keys = [(columns[key.name], key.dtype) for key in view.keys]
        # An index is of columns as they are.
        plain = all(self.dialect.key(column, dtype, zone) == column.sql for column, dtype in keys)
        if view.windows or not (source.table and view.in_order and keys and exact and plain):
            return None
        wanted = {column.name for column, _ in keys}
        for names in self._indexes(session, source):
            if set(names[: len(keys)]) == wanted and names[len(keys) :][:1] == [event.name]:
                return Lookup(event.sql, f"{event.sql} <= {self.dialect.seen(event, view.delay)}")
        return None

    def better_read(
        self, session: Session, views: Sequence[ViewPlan], rows: Sequence[int], entity_rows: int
    ) -> str | None:
        """Why rows are better read; see `PushDownEngine`. Without an index they are sorted there, in little memory."""
        why = super().better_read(session, views, rows, entity_rows)
        if why is not None or sum(rows) >= _TOO_MANY:
            return why
        joined = [(view, count) for view, count in zip(views, rows, strict=True) if not view.windows]
        for view, count in joined:
            if (
                count < self.small
                or self.lookup(session, view, self._wanted_columns(session, view)) is not None
            ):
                continue
            return f"no index on join keys and event timestamp leads to the rows of view {view.label!r}"
        if entity_rows * len(joined) * _LOOKUP > sum(rows):
            return f"{entity_rows:,} entity rows take longer to look up than about {sum(rows):,} rows to read"
        return None

    def _indexes(self, session: Session, source: PostgresSource) -> list[list[str]]:
        """The columns of each index of a table that leads to all of its rows. Of partitions each would be asked."""
        name = literal(".".join(map(quoted, name_parts(source.table))))
        found = session.table(
            "SELECT i.indexrelid::int8 AS number, a.attname::text AS name FROM pg_index i "
            "JOIN pg_class t ON t.oid = i.indrelid AND t.relkind IN ('r', 'm') "
            "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree' "
            "CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place) "
            "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number "
            f"WHERE i.indrelid = to_regclass({name}) AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL "
            "AND k.place <= i.indnkeyatts ORDER BY i.indexrelid, k.place"
        )
        indexes: dict[int, list[str]] = {}
        for row in found.to_pylist():
            indexes.setdefault(row["number"], []).append(row["name"])
        return list(indexes.values())

    def refusal(self, session: Session) -> str | None:
        """Why joins cannot run in this database: they need a temporary table."""
        found = session.table(
            "SELECT has_database_privilege(current_database(), 'TEMPORARY') AND NOT pg_is_in_recovery() AS may"
        )
        return None if found.column("may")[0].as_py() else "temporary tables cannot be made there"
