"""The database's schema: made when the database is new, brought up to date when asked."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection, inspect

from featurestore.errors import RegistryError, RegistryIntegrityError
from featurestore_registry.database import Database

NEWEST = "0006"
"""The number of the last migration."""
VERSION_TABLE = "fs_schema_version"
_MIGRATIONS = Path(__file__).parent / "migrations"
# Alembic tells its migrations through module variables which connection they run on.
_ONE_AT_A_TIME = threading.Lock()
# "features" in ASCII: a number that other users of the database will hardly lock.
_POSTGRESQL_LOCK = int.from_bytes(b"features")


def open_schema(database: Database) -> None:
    """Check that this release fits the database; make the tables if it is new.

    Raises:
        RegistryIntegrityError: if a newer release made them.
        RegistryError: if an older one did.
    """
    with database.reading() as connection:
        found = _found(connection)
    if found is None:
        upgrade_schema(database)
    elif found > NEWEST:
        raise _newer(database, found)
    elif found < NEWEST:
        raise RegistryError(
            f"The registry {database.label} has schema {found}, that of an older release; this one has {NEWEST}.",
            hint="Back it up, and run `featurestore upgrade` once, or call "
            "featurestore_registry.SQLRegistry.upgrade(url); older releases cannot use it then.",
        )


def upgrade_schema(database: Database) -> None:
    """Run the migrations that are missing, all or none; others that try at the same time wait.

    Raises:
        RegistryIntegrityError: if a newer release made the tables.
    """
    database.prepare_sqlite_file()
    with database.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})")
        found = _found(connection)
        if found is not None and found > NEWEST:
            raise _newer(database, found)
        if found != NEWEST:
            migrate(connection, NEWEST)


def migrate(connection: Connection, revision: str) -> None:
    """Run the migrations up to `revision`, as part of the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    # The file format of its options gives "%" a meaning.
    config = Config(attributes={"connection": connection, "version_table": VERSION_TABLE})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with _ONE_AT_A_TIME:
        command.upgrade(config, revision)


def _found(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    statement = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 (a constant)
    return str(connection.exec_driver_sql(statement).scalar_one())


def _newer(database: Database, found: str) -> RegistryIntegrityError:
    return RegistryIntegrityError(
        f"The registry {database.label} has schema {found}, made by a newer release; this one knows {NEWEST}.",
        hint="pip install --upgrade featurestore",
    )
