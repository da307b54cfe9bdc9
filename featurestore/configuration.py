"""feature_store.toml: where a project's registry, online store, engine and definitions are.

    project = "flights"
    registry = "sqlite:///registry.db"
    online = "redis://:${REDIS_PASSWORD}@localhost:6379/0"
    offline = "auto"
    definitions = ["features"]
    training_sets = "training_sets"
    failing_rows = "failing_rows"

``${NAME}`` is replaced by the environment variable NAME. Relative SQLite paths, relative paths of sources and
the folders start at the folder of the file. Rows that fail expectations are kept in ``failing_rows`` beside the
registry's file, unless another folder is named.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from featurestore.errors import ConfigurationError

FILE_NAME = "feature_store.toml"
_SQLITE = "sqlite:///"
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_PROJECT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_DEFAULTS = {
    "registry": "sqlite:///registry.db",
    "online": "sqlite:///online.db",
    "offline": "auto",
    "training_sets": "training_sets",
}


@dataclass(frozen=True)
class Configuration:
    """Where everything is. URLs may hold secrets, so they are not shown.

    Attributes:
        root: the folder where relative paths start.
        definitions: names of the modules that define the features.
        refresh_seconds: how often a serving process looks whether something new has been published.
        training_sets: the folder where training sets are saved, or ``s3://bucket/prefix``.
        failing_rows: the folder where rows are kept that are not as their view expects.
    """

    project: str
    registry: str = field(repr=False)
    online: str = field(repr=False)
    offline: str
    definitions: tuple[str, ...]
    root: Path
    refresh_seconds: float = 5.0
    training_sets: Path | str = Path("training_sets")
    failing_rows: Path = Path("failing_rows")


def load_configuration(
    *,
    registry: str | None = None,
    online: str | None = None,
    offline: str | None = None,
    project: str | None = None,
    path: str | Path | None = None,
) -> Configuration:
    """Read feature_store.toml from the working directory upwards; arguments win over the file.

    Args:
        registry: registry URL.
        online: online store URL.
        offline: name of the offline engine, with settings if need be: ``duckdb?memory_limit=4GB``.
        project: project name.
        path: the file itself, instead of looking for one.

    Raises:
        ConfigurationError: if the file cannot be read, has an unknown setting, names an environment
            variable that is not set, or neither it nor the arguments name a registry.
    """
    given = {"registry": registry, "online": online, "offline": offline, "project": project}
    arguments = {name: value for name, value in given.items() if value is not None}
    file = Path(path) if path is not None else find_file(Path.cwd())
    if file is None and registry is None:
        raise ConfigurationError(
            f"There is no {FILE_NAME} in {Path.cwd()} or above it.",
            hint="Make one with `featurestore init`, or pass registry= and online= to FeatureStore.",
        )
    settings: dict[str, Any] = {**_DEFAULTS, "project": "default", "definitions": [], "refresh_seconds": 5.0}
    settings |= (_read(file) if file else {}) | arguments
    root = file.parent.resolve() if file else Path.cwd()
    if not isinstance(settings["project"], str) or not _PROJECT.fullmatch(settings["project"]):
        raise ConfigurationError(
            f"{settings['project']!r} is not a project name.",
            hint="Use letters, digits and underscores, not a digit first.",
        )
    return Configuration(
        project=settings["project"],
        registry=_anchor(settings["registry"], root),
        online=_anchor(settings["online"], root),
        offline=settings["offline"],
        definitions=tuple(settings["definitions"]),
        root=root,
        refresh_seconds=float(settings["refresh_seconds"]),
        training_sets=_located(settings["training_sets"], root),
        failing_rows=_failing_rows(settings, root),
    )


def _located(folder: str, root: Path) -> Path | str:
    return folder if "://" in folder else root / folder


def find_file(start: Path) -> Path | None:
    """The nearest feature_store.toml in `start` or a folder above it."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def _read(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}.") from error
    known = {*_DEFAULTS, "failing_rows", "project", "definitions", "refresh_seconds"}
    if unknown := sorted(set(settings) - known):
        raise ConfigurationError(
            f"{file}: {unknown[0]!r} is not a setting.", hint=f"The settings are {', '.join(sorted(known))}."
        )
    for name, value in settings.items():
        _check_setting(file, name, value)
    return {n: _expand(v, os.environ, file) if isinstance(v, str) else v for n, v in settings.items()}


def _check_setting(file: Path, name: str, value: object) -> None:
    if name == "definitions":
        fits, wanted = (
            isinstance(value, list) and all(isinstance(v, str) for v in value),
            "a list of module names",
        )
    elif name == "refresh_seconds":
        fits, wanted = isinstance(value, int | float) and value > 0, "a positive number"
    else:
        fits, wanted = isinstance(value, str), "a text"
    if not fits:
        raise ConfigurationError(f"{file}: {name} must be {wanted}, found {value!r}.")


def _expand(text: str, environment: Mapping[str, str], file: Path) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise ConfigurationError(
                f"{file} uses the environment variable {match[1]!r}, which is not set.",
                hint=f"Set it, e.g. export {match[1]}=…",
            )
        return environment[match[1]]

    return _VARIABLE.sub(value, text)


def _failing_rows(settings: Mapping[str, Any], root: Path) -> Path:
    if "failing_rows" in settings:
        return root / str(settings["failing_rows"])
    registry = _anchor(settings["registry"], root)
    on_disk = registry.startswith(_SQLITE) and registry != _SQLITE + ":memory:"
    return (Path(registry.removeprefix(_SQLITE)).parent if on_disk else root) / "failing_rows"


def _anchor(url: str, root: Path) -> str:
    if not url.startswith(_SQLITE) or url == _SQLITE + ":memory:":
        return url
    return _SQLITE + str(root / url.removeprefix(_SQLITE))
