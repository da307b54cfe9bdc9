"""Sources that are tables or queries of databases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import field_validator, model_validator

from featurestore.definitions.base import FrozenDict
from featurestore.definitions.connection import check_no_secret
from featurestore.definitions.source import Source


class DatabaseSource(Source):
    """Base of the sources that are a table or a query of a database."""

    table: str = ""
    query: str = ""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)

    @model_validator(mode="after")
    def _check_rows(self) -> Self:
        if bool(self.table) == bool(self.query.strip()):
            raise ValueError("expected either table=, the name of a table, or query=, a SELECT statement")
        return self

    @field_validator("query")
    @classmethod
    def _check_query(cls, value: str) -> str:
        return value.strip().removesuffix(";").rstrip()

    def located(self, root: Path) -> Self:  # noqa: ARG002 (a server is where it is)
        """The source with absolute paths; relative ones start at `root`."""
        return self


class PostgresSource(DatabaseSource):
    """Rows of a table, a view or a query of PostgreSQL.

    Args:
        url: ``postgresql://user:${PGPASSWORD}@host:5432/database``. ``${NAME}`` is an environment variable, read
            when a connection is made; a password in the URL itself is refused. What the URL leaves out comes
            from libpq's own places: ``PGPASSWORD`` and its like, ``~/.pgpass``, ``PGSERVICEFILE``.
        table: ``"trips"`` or ``"rides.trips"``, each part as the database writes it; a part with a dot stands in
            double quotes.
        query: one SELECT statement instead of a table.

    The other arguments are those of `Source`.

    Example:
        >>> import featurestore as fs
        >>> trips = fs.PostgresSource("trips", url="postgresql://etl:${PGPASSWORD}@localhost/rides",
        ...                           table="public.trips", event_timestamp="finished_at")
        >>> trips.table
        'public.trips'
    """

    kind: ClassVar[str] = "postgres"

    url: str

    def __init__(
        self,
        name: str,
        *,
        url: str,
        table: str = "",
        query: str = "",
        event_timestamp: str,
        created_timestamp: str | None = None,
        available_at: str | None = None,
        event_id: str | None = None,
        delay: timedelta | None = None,
        timezone: str = "UTC",
        mapping: Mapping[str, str] = FrozenDict(),
        unnest: str = "",
        computed: Mapping[str, str] = FrozenDict(),
        where: str = "",
        description: str = "",
        owner: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(
            name=name, url=url, table=table, query=query, event_timestamp=event_timestamp,
            created_timestamp=created_timestamp, available_at=available_at, event_id=event_id, delay=delay,
            timezone=timezone, mapping=mapping, unnest=unnest, computed=computed, where=where,
            description=description, owner=owner, tags=tags,
        )  # fmt: skip

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        if not value.startswith(("postgresql://", "postgres://", "${")):
            raise ValueError("expected a URL such as postgresql://user:${PGPASSWORD}@host:5432/database")
        return check_no_secret(value)


class SnowflakeSource(DatabaseSource):
    """Rows of a table, a view or a query of Snowflake.

    Names that Snowflake has in capitals, as it makes of names without quotes, are in small letters here:
    ``courier_id`` is the column ``COURIER_ID``.

    Args:
        url: ``snowflake://user:${SNOWFLAKE_PASSWORD}@account/database/schema?warehouse=loading&role=etl``.
            ``${NAME}`` is an environment variable, read when a connection is made; a password in the URL itself
            is refused. Parameters are the driver's own arguments, such as ``authenticator`` or
            ``private_key_file``; ``snowflake://?connection_name=etl`` takes all of them from the driver's
            ``connections.toml``. Parameters in capitals are the session's: ``STATEMENT_TIMEOUT_IN_SECONDS=600``.
        table: ``"trips"``, ``"rides.trips"`` or ``"lake.rides.trips"``; a part in small letters of Snowflake's own, or
            with a dot, stands in double quotes.
        query: one SELECT statement instead of a table.

    The other arguments are those of `Source`.

    Example:
        >>> import featurestore as fs
        >>> trips = fs.SnowflakeSource("trips", url="snowflake://etl:${SNOWFLAKE_PASSWORD}@acme-main/lake/rides",
        ...                            table="trips", event_timestamp="finished_at")
        >>> trips.kind
        'snowflake'
    """

    kind: ClassVar[str] = "snowflake"

    url: str

    def __init__(
        self,
        name: str,
        *,
        url: str,
        table: str = "",
        query: str = "",
        event_timestamp: str,
        created_timestamp: str | None = None,
        available_at: str | None = None,
        event_id: str | None = None,
        delay: timedelta | None = None,
        timezone: str = "UTC",
        mapping: Mapping[str, str] = FrozenDict(),
        unnest: str = "",
        computed: Mapping[str, str] = FrozenDict(),
        where: str = "",
        description: str = "",
        owner: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(
            name=name, url=url, table=table, query=query, event_timestamp=event_timestamp,
            created_timestamp=created_timestamp, available_at=available_at, event_id=event_id, delay=delay,
            timezone=timezone, mapping=mapping, unnest=unnest, computed=computed, where=where,
            description=description, owner=owner, tags=tags,
        )  # fmt: skip

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        if not value.startswith(("snowflake://", "${")):
            raise ValueError(
                "expected a URL such as snowflake://user:${SNOWFLAKE_PASSWORD}@account/database/schema"
            )
        return check_no_secret(value)


class DuckDBSource(DatabaseSource):
    """Rows of a table, a view or a query of a DuckDB database file, which is opened for reading only.

    Args:
        path: the file; a relative path starts at the folder of feature_store.toml, else at the working directory.
        table: ``"trips"`` or ``"rides.trips"``; a part with a dot stands in double quotes.
        query: one SELECT statement instead of a table.

    The other arguments are those of `Source`.
    """

    kind: ClassVar[str] = "duckdb"

    path: str

    def __init__(
        self,
        name: str,
        *,
        path: str | Path,
        table: str = "",
        query: str = "",
        event_timestamp: str,
        created_timestamp: str | None = None,
        available_at: str | None = None,
        event_id: str | None = None,
        delay: timedelta | None = None,
        timezone: str = "UTC",
        mapping: Mapping[str, str] = FrozenDict(),
        unnest: str = "",
        computed: Mapping[str, str] = FrozenDict(),
        where: str = "",
        description: str = "",
        owner: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(
            name=name, path=str(path), table=table, query=query, event_timestamp=event_timestamp,
            created_timestamp=created_timestamp, available_at=available_at, event_id=event_id, delay=delay,
            timezone=timezone, mapping=mapping, unnest=unnest, computed=computed, where=where,
            description=description, owner=owner, tags=tags,
        )  # fmt: skip

    @field_validator("path")
    @classmethod
    def _check_path(cls, value: str) -> str:
        if not value or value == ":memory:":
            raise ValueError("expected a database file")
        return value

    def located(self, root: Path) -> Self:
        """The source with absolute paths; relative ones start at `root`."""
        return self.model_copy(update={"path": str(root / self.path)})


class SqlSource(DatabaseSource):
    """Rows of a table, a view or a query of any database that SQLAlchemy reaches: the general fallback.

    It reads row by row through the database's Python driver, which has to be installed. PostgreSQL and DuckDB have
    sources of their own, which are faster and know all types.

    Args:
        url: SQLAlchemy's, such as ``mysql+pymysql://etl:${MYSQL_PASSWORD}@host/rides`` or ``sqlite:///rides.db``.
            ``${NAME}`` is an environment variable, read when a connection is made; a password in the URL itself is
            refused.
        table: ``"trips"`` or ``"rides.trips"``; a part with a dot stands in double quotes.
        query: one SELECT statement instead of a table. Its columns have the types of its first rows' values.

    The other arguments are those of `Source`.
    """

    kind: ClassVar[str] = "sql"

    url: str

    def __init__(
        self,
        name: str,
        *,
        url: str,
        table: str = "",
        query: str = "",
        event_timestamp: str,
        created_timestamp: str | None = None,
        available_at: str | None = None,
        event_id: str | None = None,
        delay: timedelta | None = None,
        timezone: str = "UTC",
        mapping: Mapping[str, str] = FrozenDict(),
        unnest: str = "",
        computed: Mapping[str, str] = FrozenDict(),
        where: str = "",
        description: str = "",
        owner: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(
            name=name, url=url, table=table, query=query, event_timestamp=event_timestamp,
            created_timestamp=created_timestamp, available_at=available_at, event_id=event_id, delay=delay,
            timezone=timezone, mapping=mapping, unnest=unnest, computed=computed, where=where,
            description=description, owner=owner, tags=tags,
        )  # fmt: skip

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return check_no_secret(value)

    def located(self, root: Path) -> Self:
        """The source with absolute paths; relative ones (of SQLite) start at `root`."""
        prefix, separator, path = self.url.partition(":///")
        if not separator or not prefix.startswith("sqlite") or path.startswith(":memory:"):
            return self
        return self.model_copy(update={"url": f"{prefix}:///{root / path}"})
