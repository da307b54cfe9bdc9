"""Connections of SQLAlchemy, one for each read, and its errors as the library's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from featurestore.definitions.connection import Connection
from featurestore.definitions.database import SqlSource
from featurestore.errors import (
    ConfigurationError,
    MissingDependencyError,
    SourceError,
    SourceUnavailableError,
)


@contextmanager
def connected(source: SqlSource) -> Iterator[sa.Connection]:
    """A connection for one use.

    Raises:
        ConfigurationError: if the URL is none that SQLAlchemy knows.
        MissingDependencyError: if the database's driver is not installed.
        SourceUnavailableError: if the server cannot be reached or went away.
        SourceError: if it refuses.
    """
    where = Connection.of(source.url, what=f"Source {source.name!r}")
    engine = _engine(source, where)
    with _reported(source, where, engine), engine.connect() as connection:
        yield connection


def _engine(source: SqlSource, where: Connection) -> sa.Engine:
    try:
        return sa.create_engine(where.url, poolclass=sa.NullPool)
    except sa.exc.ArgumentError as error:
        # The error repeats the URL, with its secrets.
        raise ConfigurationError(
            f"Source {source.name!r}: {where.shown} is not a URL of SQLAlchemy.",
            hint="Write it as dialect+driver://user:${PASSWORD}@host/database.",
        ) from (None if where.hides_in(str(error)) else error)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"Source {source.name!r} needs the package {error.name!r}, which is not installed.",
            hint=f"pip install {error.name}",
        ) from error


@contextmanager
def _reported(source: SqlSource, where: Connection, engine: sa.Engine) -> Iterator[None]:
    """Translate the errors of SQLAlchemy and of the driver, without the statement and its values."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        message = where.without_secrets(str(error.orig)).strip().partition("\n")[0]
        if _is_passing(error, engine):
            raise SourceUnavailableError(
                f"Source {source.name!r}: {where.shown} cannot be reached, went away or cannot answer: {message}.",
                hint="Check URL, query and server. The same request may be made again: nothing has been written.",
            ) from error.orig
        raise SourceError(
            f"Source {source.name!r}: the database answered: {message}.", hint="Check table= or query=."
        ) from error.orig
    except sa.exc.SQLAlchemyError as error:
        raise SourceError(f"Source {source.name!r}: {where.without_secrets(str(error))}.") from error


def _is_passing(error: sa.exc.DBAPIError, engine: sa.Engine) -> bool:
    """Whether the database could not answer; SQLite says so of a missing column too."""
    if engine.dialect.name == "sqlite":
        return "locked" in str(error.orig)
    return error.connection_invalidated or isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)
