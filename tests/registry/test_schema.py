"""The tables are made once, by migrations, and by no release that does not know them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from featurestore.errors import RegistryError, RegistryIntegrityError
from featurestore.testing.registry_suite.base import PLANE, PROJECT, change, commit
from featurestore_registry import SQLRegistry, database, schema, tables
from featurestore_registry.definitions import read_revision

MIGRATIONS = Path(schema.__file__).parent / "migrations"


def set_version(engine: sa.Engine, version: str) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE fs_schema_version SET version_num = :v"), {"v": version})


def test_the_migrations_make_the_tables_that_the_code_uses(registry: SQLRegistry, engine: sa.Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
        assert compare_metadata(context, tables.METADATA) == []
        assert context.get_current_revision() == schema.NEWEST


def test_the_migrations_are_numbered_one_by_one() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions("base", "heads"))[::-1]
    assert [script.revision for script in scripts] == [f"{n:04}" for n in range(1, len(scripts) + 1)]
    assert [script.revision for script in scripts][-1] == schema.NEWEST
    for script in scripts:
        assert re.fullmatch(rf"v{script.revision}_[a-z_]+\.py", Path(script.path).name)


@pytest.mark.parametrize("open_again", [SQLRegistry.from_url, SQLRegistry.upgrade])
def test_opening_and_upgrading_again_changes_nothing(
    registry: SQLRegistry, registry_url: str, open_again: Callable[[str], SQLRegistry | None]
) -> None:
    commit(registry, change(PLANE))
    before = registry.definitions(project=PROJECT)
    again = open_again(registry_url)
    if again is not None:
        again.close()
    assert registry.definitions(project=PROJECT) == before


def test_upgrade_makes_a_new_registry(registry_url: str) -> None:
    SQLRegistry.upgrade(registry_url)
    registry = SQLRegistry.from_url(registry_url)
    assert registry.revision(project=PROJECT) == 0
    registry.close()


@pytest.mark.parametrize("open_it", [SQLRegistry.from_url, SQLRegistry.upgrade])
def test_the_registry_of_a_newer_release_is_left_alone(
    registry: SQLRegistry, registry_url: str, engine: sa.Engine, open_it: Callable[[str], object]
) -> None:
    set_version(engine, "9999")
    with pytest.raises(RegistryIntegrityError, match=r"schema 9999, made by a newer release.*\n.*--upgrade"):
        open_it(registry_url)
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT version_num FROM fs_schema_version")).scalar_one()
    assert found == "9999"


def test_the_registry_of_an_older_release_is_upgraded_only_when_asked(
    registry: SQLRegistry, registry_url: str, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = schema.NEWEST
    monkeypatch.setattr(schema, "NEWEST", "9000")
    monkeypatch.setattr(schema, "migrate", lambda connection, revision: migrated.append(revision))
    migrated: list[str] = []
    with pytest.raises(
        RegistryError, match=rf"schema {old}.*older release.*9000\.\n.*`featurestore upgrade` .*\.upgrade"
    ):
        SQLRegistry.from_url(registry_url)
    assert migrated == []
    SQLRegistry.upgrade(registry_url)
    assert migrated == ["9000"]


def test_a_migration_that_fails_leaves_no_trace(
    registry_url: str, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(connection: sa.Connection, revision: str) -> None:
        whole(connection, revision)
        raise RuntimeError("out of luck")

    whole = schema.migrate
    with monkeypatch.context() as patched:
        patched.setattr(schema, "migrate", fail)
        with pytest.raises(RuntimeError, match="out of luck"):
            SQLRegistry.from_url(registry_url)
    assert sa.inspect(engine).get_table_names() == []
    SQLRegistry.from_url(registry_url).close()
    assert set(tables.METADATA.tables) < set(sa.inspect(engine).get_table_names())


def test_threads_that_open_new_registries_at_once(tmp_path: Path, postgres_url: str) -> None:
    """Two threads each at three databases: neither the database nor Alembic's own state may be in the way."""
    urls = [f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/100%_b.db", postgres_url] * 2
    with ThreadPoolExecutor(len(urls)) as pool:
        registries = list(pool.map(SQLRegistry.from_url, urls))
    for registry in registries:
        assert registry.revision(project=PROJECT) == 0
        registry.close()


def test_alembic_is_not_loaded_to_open_what_is_up_to_date(registry: SQLRegistry, registry_url: str) -> None:
    program = (
        "import sys; from featurestore_registry import SQLRegistry\n"
        f"SQLRegistry.from_url({registry_url!r}).close()\n"
        "assert 'sqlalchemy' in sys.modules and 'alembic' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_readers_and_writers_do_not_wait_for_each_other(
    registry_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SECONDS_TO_WAIT", 1)
    registry = SQLRegistry.from_url(registry_url)
    other = database.Database.from_url(registry_url)
    with other.reading() as connection:
        assert read_revision(connection, PROJECT) == 0
        commit(registry, change(PLANE))
        assert read_revision(connection, PROJECT) == 0
    with other.writing() as connection:
        connection.execute(sa.update(tables.PROJECTS).values(revision=7))
        assert registry.revision(project=PROJECT) == 1
    assert registry.revision(project=PROJECT) == 7
    other.close()
    registry.close()
