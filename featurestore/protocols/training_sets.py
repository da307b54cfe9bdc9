"""The part of the registry's seam that deals with training sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody has noted about a training set."""

    at: datetime
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class TrainingSetRecord:
    """A training set, as the registry holds it.

    Attributes:
        manifest_id: SHA-256 (hex) over the manifest's canonical JSON: it names the set for good.
        content_hash: of all its parts.
        folder: where its files are, absolute or from the folder of feature_store.toml on.
        manifest: everything that it was made from and came out as; never changes.
        tags: can be changed at any time.
        notes: oldest first; can be added to.
    """

    project: str
    name: str
    manifest_id: str
    content_hash: str
    folder: str
    created_at: datetime
    author: str
    manifest: Mapping[str, Any]
    tags: Mapping[str, str]
    notes: tuple[Note, ...]


class TrainingSetRegistry(Protocol):
    """What training sets are kept in."""

    def add_training_set(
        self,
        *,
        project: str,
        name: str,
        manifest: Mapping[str, Any],
        folder: str,
        profiles: Mapping[str, Mapping[str, Any]] = {},
    ) -> TrainingSetRecord:
        """Record a new training set.

        Args:
            project: its project.
            name: new in the project.
            manifest: with ``content_hash`` and ``views`` (a list of mappings with ``name`` and ``version``).
            folder: where its files are.
            profiles: part to the profile of its rows, in JSON form.

        Raises:
            RequestError: if there is a training set of that name.
            NotFoundError: if the registry has no such version of a view.
        """
        ...

    def training_set(self, *, project: str, name: str) -> TrainingSetRecord:
        """The training set of a name, or the latest one with that manifest id (or its first 12 characters or more).

        Raises:
            NotFoundError: if there is none.
            RegistryIntegrityError: if its manifest does not match its id.
        """
        ...

    def training_sets(
        self, *, project: str, view: str | None = None, limit: int = 100
    ) -> list[TrainingSetRecord]:
        """The latest training sets, newest first; with a view, those made from any version of it."""
        ...

    def training_set_profiles(self, *, project: str, name: str) -> Mapping[str, Mapping[str, Any]]:
        """Part to the profile of its rows, in JSON form; empty if none was recorded.

        Raises:
            NotFoundError: if there is no such training set.
            RegistryIntegrityError: if one cannot be read.
        """
        ...

    def annotate_training_set(
        self, *, project: str, name: str, tags: Mapping[str, str | None] | None = None, note: str = ""
    ) -> TrainingSetRecord:
        """Set tags (None removes one) and add a note, unless it is empty.

        Raises:
            NotFoundError: if there is no such training set.
        """
        ...
