"""The part of the registry's seam that deals with training sets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol


class Note(NamedTuple):
    """What somebody has noted about a training set."""

    at: datetime
    author: str
    text: str


class TrainingSetRecord(NamedTuple):
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


class ModelRelease(NamedTuple):
    """That a release of a model was trained on a training set.

    Attributes:
        name: of the model.
        version: of the release, as the user's own system calls it.
        training_set: the name of the training set.
        at: when that was recorded, by the registry's clock.
        author: the account that recorded it.
    """

    name: str
    version: str
    training_set: str
    at: datetime
    author: str

    @property
    def label(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"


class Reached(NamedTuple):
    """What a change of a view or a service reaches, beside other definitions.

    Attributes:
        training_sets: names of those that were made from any version of the view, or for the service; newest first.
        models: releases (``name@version``) that were trained on one of these, newest first.
    """

    training_sets: tuple[str, ...]
    models: tuple[str, ...]


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

    def add_model_release(self, *, project: str, training_set: str, name: str, version: str) -> ModelRelease:
        """Record that a release of a model was trained on a training set.

        Raises:
            NotFoundError: if there is no such training set.
            RequestError: if that is recorded already.
        """
        ...

    def model_releases(
        self,
        *,
        project: str,
        training_set: str | None = None,
        name: str | None = None,
        version: str | None = None,
        limit: int = 100,
    ) -> list[ModelRelease]:
        """The latest releases, newest first; of a training set, of a model, or one of it.

        A release that was trained on several training sets is there several times.

        Raises:
            NotFoundError: if there is no such training set.
        """
        ...

    def reached(self, *, project: str, kind: str, name: str) -> Reached:
        """What was made from any version of a view, or for a service; nothing for other kinds."""
        ...
