"""The definitions of a project: what the modules named in feature_store.toml hold."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Iterator
from types import ModuleType

from featurestore.configuration import FILE_NAME, Configuration
from featurestore.definitions.entity import Entity
from featurestore.definitions.fingerprint import Registrable
from featurestore.definitions.service import FeatureService
from featurestore.definitions.source import Source
from featurestore.definitions.view import FeatureView
from featurestore.errors import ConfigurationError, DefinitionError, FeatureStoreError


def load_definitions(config: Configuration) -> list[Registrable]:
    """All entities, sources, views and services at the top level of the modules, or in a list there.

    Raises:
        ConfigurationError: if no module is named, one is not there, or none defines anything.
        DefinitionError: if one cannot be imported.
    """
    if not config.definitions:
        raise ConfigurationError(
            f"{config.root / FILE_NAME} names no modules with definitions.",
            hint='Add e.g. definitions = ["features"] for the file features.py beside it.',
        )
    modules = [_import(name, config) for name in config.definitions]
    found = {id(item): item for module in modules for item in _definitions(module)}
    if not found:
        raise ConfigurationError(
            f"There are no definitions in {', '.join(str(module.__file__) for module in modules)}.",
            hint="Assign entities, sources, views and services to variables at the top level of the module.",
        )
    return list(found.values())


def _definitions(module: ModuleType) -> Iterator[Registrable]:
    for value in vars(module).values():
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, Entity | Source | FeatureView | FeatureService):
                yield item


def _import(name: str, config: Configuration) -> ModuleType:
    try:
        return importlib.import_module(name)
    except FeatureStoreError:
        raise
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise ConfigurationError(
                f"{config.root / FILE_NAME} names the module {name!r}, which was not found.",
                hint=f"It would be {config.root / name.replace('.', '/')}.py.",
            ) from error
        raise DefinitionError(
            f"Module {name!r} cannot be imported: {type(error).__name__}: {error}",
            location=_location(error, config),
        ) from error


def _location(error: Exception, config: Configuration) -> str | None:
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    frames = reversed(traceback.extract_tb(error.__traceback__))
    return next((f"{f.filename}:{f.lineno}" for f in frames if f.filename.startswith(str(config.root))), None)
