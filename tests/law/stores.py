"""Stores on real servers for generated cases: one registry and one online store, a project per case."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import featurestore as fs

ENGINES = ("duckdb", "polars")
_NUMBERS = itertools.count()  # of the process: several registries share its Redis


@dataclass
class Stores:
    """Opens stores over the same servers.

    Attributes:
        folder: of the test's files.
    """

    folder: Path
    online: str

    def new_project(self) -> str:
        return f"case_{next(_NUMBERS)}"

    def open(self, engine: str, project: str) -> fs.FeatureStore:
        registry = f"sqlite:///{self.folder}/registry.db"
        return fs.FeatureStore(registry=registry, online=self.online, offline=engine, project=project)
