"""Registry URLs: what they mean to SQLAlchemy, and how they are named without their secrets."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from featurestore.errors import ConfigurationError

_SQLITE = "sqlite:///"
_EXAMPLE = "postgresql://user:password@host:5432/database"


class Address(NamedTuple):
    """Where a registry's database is.

    Attributes:
        url: for SQLAlchemy; it may hold a password.
        label: for people; it holds neither user nor password nor options.
    """

    url: URL
    label: str

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.url.drivername == "sqlite"

    def __repr__(self) -> str:
        return f"Address({self.label!r})"


def parse_address(url: str) -> Address:
    """Read ``sqlite:///file.db`` or ``postgresql://user:password@host:5432/database``.

    Raises:
        ConfigurationError: if it is neither.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        return _sqlite(url)
    if scheme not in ("postgresql", "postgresql+psycopg"):
        raise ConfigurationError(
            f"A registry URL cannot begin with {scheme!r}; expected sqlite or postgresql.",
            hint=f"Write sqlite:///registry.db or {_EXAMPLE}.",
        )
    return _postgresql(rest)


def _sqlite(url: str) -> Address:
    path = url.removeprefix(_SQLITE)
    if not url.startswith(_SQLITE) or not path or path == ":memory:":
        raise ConfigurationError(
            f"The registry URL {url!r} names no file.",
            hint="Write sqlite:///registry.db, or sqlite:////absolute/path/registry.db.",
        )
    return Address(URL.create("sqlite", database=path), url)


def _postgresql(rest: str) -> Address:
    try:
        url = make_url(f"postgresql+psycopg://{rest}")
    except (ArgumentError, ValueError):
        url = None
    # A password with "@" or "/" in it is cut in the wrong place: part of it would be shown as the host or the
    # database. The error is not chained either, because it quotes what could not be read.
    if url is None or any("@" in part for part in (url.host or "", url.database or "")):
        raise ConfigurationError(
            "The registry URL that begins with 'postgresql://' cannot be read.",
            hint=f"Write {_EXAMPLE}, with @ / : % in the password written as %40 %2F %3A %25.",
        )
    host = f"[{url.host}]" if ":" in (url.host or "") else url.host or ""
    port = f":{url.port}" if url.port else ""
    return Address(url, f"postgresql://{host}{port}/{url.database or ''}")
