"""URLs: which are a registry's, and that their secrets stay secret."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

import pytest

from featurestore.errors import ConfigurationError, MissingDependencyError, RegistryUnavailableError
from featurestore.testing.registry_suite.base import PLANE, change, commit
from featurestore_registry import SQLRegistry
from featurestore_registry.address import parse_address

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("postgresql://u:s3cr3t@db.example:5433/features", "postgresql://db.example:5433/features"),
        ("postgresql+psycopg://u:s3cr3t@db.example/features", "postgresql://db.example/features"),
        ("postgresql://db/f?user=u&password=s3cr3t", "postgresql://db/f"),
        ("postgresql://u:s3cr3t%40%2F%3A@[::1]:5432/f", "postgresql://[::1]:5432/f"),
        ("postgresql:///f?host=/run/postgresql", "postgresql:///f"),
        ("sqlite:///registry.db", "sqlite:///registry.db"),
        ("sqlite:////data/a b?c#d%20e.db", "sqlite:////data/a b?c#d%20e.db"),
    ],
)
def test_the_label_of_an_address_holds_no_secret(url: str, label: str) -> None:
    address = parse_address(url)
    assert address.label == label
    assert SECRET not in repr(address)
    assert address.url.get_backend_name() in {"sqlite", "postgresql"}


def test_an_encoded_password_reaches_the_driver_decoded() -> None:
    assert parse_address("postgresql://u:a%40%2F%3A%25@h/f").url.password == "a@/:%"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3cr3t@x@db/features",
        "postgresql://u:1@2/s3cr3t@db/features",
        "postgresql://db:s3cr3t/features",
        "postgresql://a:1,b:s3cr3t/f",
    ],
)
def test_what_cannot_be_read_is_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as found:
        SQLRegistry.from_url(url)
    assert SECRET not in "".join(traceback.format_exception(found.value))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("mysql://u:s3cr3t@h/d", "cannot begin with 'mysql'"),
        ("postgresql+psycopg2://u:s3cr3t@h/d", r"cannot begin with 'postgresql\+psycopg2'"),
    ],
)
def test_other_urls_are_refused(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{message}.*\n.*sqlite:///registry\.db") as found:
        SQLRegistry.from_url(url)
    assert SECRET not in str(found.value)


def test_a_file_name_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a b?mode=ro#%20ü@.db"
    SQLRegistry.from_url(f"sqlite:///{path}").close()
    assert path.is_file()


def test_a_missing_driver_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingDependencyError, match="psycopg") as found:
        SQLRegistry.from_url(f"postgresql://u:{SECRET}@localhost/d")
    assert found.value.hint == "pip install 'featurestore[postgres]'"
    assert SECRET not in "".join(traceback.format_exception(found.value))


def test_a_wrong_password_is_not_shown(postgres_server_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scheme, _, rest = postgres_server_url.partition("://")
    user, _, host = rest.partition(":")[0], None, rest.rpartition("@")[2]
    with pytest.raises(RegistryUnavailableError, match=rf"postgresql://{host} cannot be used") as found:
        SQLRegistry.from_url(f"{scheme}://{user}:{SECRET}@{host}")
    assert SECRET not in "".join(traceback.format_exception(found.value))
    assert SECRET not in caplog.text


def test_the_password_is_neither_in_the_repr_nor_in_the_log(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    password = postgres_url.partition("@")[0].rpartition(":")[2]
    registry = SQLRegistry.from_url(postgres_url)
    commit(registry, change(PLANE))
    shown = [repr(registry), str(registry), repr(vars(registry)), repr(vars(registry._database)), caplog.text]
    registry.close()
    assert password
    assert all(password not in text for text in shown)
    assert repr(registry) == f"SQLRegistry('postgresql://{postgres_url.rpartition('@')[2]}')"
