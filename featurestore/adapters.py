"""Opening registries, online stores and engines: by URL or name, found through entry points."""

from __future__ import annotations

import contextlib
import importlib.metadata
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

from featurestore.errors import ConfigurationError, MissingDependencyError

if TYPE_CHECKING:
    from featurestore.protocols.offline import OfflineEngine
    from featurestore.protocols.online import OnlineStore
    from featurestore.protocols.registry import Registry
    from featurestore.protocols.sources import SourceReader

ONLINE_STORES = "featurestore.online_stores"
OFFLINE_ENGINES = "featurestore.offline_engines"
REGISTRIES = "featurestore.registries"
SOURCE_READERS = "featurestore.source_readers"
EXTRAS = {"postgresql": "postgres"}


def open_registry(url: str) -> Registry:
    """Open ``sqlite:///registry.db`` or ``postgresql://user@host/database``.

    Raises:
        ConfigurationError: for an unknown scheme.
        RegistryUnavailableError: if the database cannot be reached.
    """
    return cast("Registry", _adapter(REGISTRIES, _scheme(url, "registry"), "registry URL").from_url(url))


def upgrade_registry(url: str) -> None:
    """Bring a registry that an older release made up to date; that release cannot use it then.

    Raises:
        ConfigurationError: for an unknown scheme.
        RegistryUnavailableError: if the database cannot be reached.
        RegistryIntegrityError: if a newer release made it.
    """
    _adapter(REGISTRIES, _scheme(url, "registry"), "registry URL").upgrade(url)


def open_online_store(url: str) -> OnlineStore:
    """Open ``sqlite:///online.db``, ``redis://host:6379/0``, ``rediss://…`` or ``memory://``.

    Raises:
        ConfigurationError: for an unknown scheme.
    """
    return cast(
        "OnlineStore", _adapter(ONLINE_STORES, _scheme(url, "online store"), "online store URL").from_url(url)
    )


def open_engine(name: str) -> OfflineEngine:
    """The offline engine called ``duckdb``, ``polars`` or ``auto``, or one that another package provides.

    Settings of the engine may follow: ``duckdb?memory_limit=4GB&threads=2``.

    Raises:
        ConfigurationError: for an unknown name or setting.
    """
    plain, _, query = name.partition("?")
    adapter = _adapter(OFFLINE_ENGINES, plain, "offline engine")
    settings = {key: int(value) if value.isdecimal() else value for key, value in parse_qsl(query, True)}
    known = inspect.signature(adapter).parameters
    if unknown := [key for key in settings if key not in known]:
        raise ConfigurationError(
            f"{unknown[0]!r} is not a setting of the offline engine {plain!r}.",
            hint=f"Its settings are: {', '.join(known)}." if known else "This engine has no settings.",
        )
    return cast("OfflineEngine", adapter(**settings))


def engine_of_kind(kind: str) -> OfflineEngine | None:
    """The offline engine that runs where the sources of a kind are; None if there is none.

    Raises:
        MissingDependencyError: if its driver is not installed.
    """
    names = {entry_point.name for entry_point in importlib.metadata.entry_points(group=OFFLINE_ENGINES)}
    return open_engine(kind) if kind in names else None


def open_source_reader(kind: str) -> SourceReader:
    """What reads the sources of a kind that the engines do not read themselves.

    Raises:
        ConfigurationError: for a kind that nothing reads.
        MissingDependencyError: if its driver is not installed.
    """
    return cast("SourceReader", _adapter(SOURCE_READERS, kind, "kind of source to read")())


def _scheme(url: str, what: str) -> str:
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise ConfigurationError(
            f"The {what} is not a URL: it has no scheme such as sqlite:// or redis://.",
            hint="Write it as sqlite:///file.db or redis://host:6379/0.",
        )
    return scheme.partition("+")[0] if scheme.startswith("postgresql") else scheme


def _adapter(group: str, name: str, what: str) -> Any:
    for entry_point in _entry_points(group):
        if entry_point.name == name:
            return _load(entry_point)
    known = sorted({entry_point.name for entry_point in _entry_points(group)})
    raise ConfigurationError(
        f"{name!r} is not a known {what}; known are: {', '.join(known) or 'none'}.",
        hint="Other packages can provide more through the entry point group " + group + "."
        if known
        else "The package is not installed: pip install featurestore (or pip install -e . in a checkout).",
    )


def _entry_points(group: str) -> Iterator[importlib.metadata.EntryPoint]:
    """Our own, then those of all packages: a look through these takes longer than to open a store."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        yield from importlib.metadata.distribution("featurestore").entry_points.select(group=group)
    yield from importlib.metadata.entry_points(group=group)


def _load(entry_point: importlib.metadata.EntryPoint) -> Any:
    try:
        return entry_point.load()
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"{entry_point.name!r} needs the package {error.name!r}, which is not installed.",
            hint=f"pip install 'featurestore[{EXTRAS.get(entry_point.name, entry_point.name)}]'",
        ) from error
