"""Every error the library raises, as one tree.

FeatureStoreError
├── DefinitionError               a definition is ill-formed (carries file and line)
│   └── BreakingChangeError       a service in use would lose what it relies on
├── ConfigurationError            feature_store.toml, a URL or a keyword argument is wrong
│   └── MissingDependencyError    an extra has to be installed
├── RequestError                  what was asked for does not fit what is there
│   ├── NotFoundError             unknown project, view, feature, service, version or column
│   ├── NameClashError            two columns would carry one name
│   ├── EntityDataError           keys or times of the entity rows are missing or of the wrong type
│   └── InvalidTimeError          an instant lies outside of what may be asked or written
├── SourceError                   a source cannot be read, or its data contradict its declaration
│   └── SourceUnavailableError    (retryable) its server cannot be reached, went away or cancelled the query
├── ExpectationError              what a view expects of its rows does not hold, so nothing was published or saved
├── TransformError                a transform fails, or is not the code that was registered
├── RegistryError
│   ├── RegistryUnavailableError  (retryable) the database cannot be reached
│   ├── StaleRegistryError        (retryable) somebody else committed in between
│   ├── LeaseHeldError            (retryable) another run is writing the same view
│   └── RegistryIntegrityError    a stored definition does not match its hash
└── OnlineStoreError
    ├── OnlineStoreUnavailableError (retryable) the server cannot be reached or went away
    ├── NotMaterializedError      nothing has been published for the view yet
    └── RowFormatError            stored bytes were not written for this view version
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class FeatureStoreError(Exception):
    """Base of all errors of the library.

    Attributes:
        retryable: whether the same call may succeed when it is simply made again.
        hint: what to do about it, or None.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message}\nHint: {self.hint}" if self.hint else self.message


class DefinitionError(FeatureStoreError, ValueError):
    """A definition is ill-formed.

    Attributes:
        location: ``file:line`` of the user's code that made the definition, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None, location: str | None = None) -> None:
        self.location = location
        super().__init__(message, hint=hint)

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text}\nDefined at {self.location}" if self.location else text


class BreakingChangeError(DefinitionError):
    """A change of a view takes away what a service in use relies on."""


class ConfigurationError(FeatureStoreError, ValueError):
    """feature_store.toml, a store URL or a keyword argument is wrong."""


class MissingDependencyError(ConfigurationError):
    """A package of an optional extra is needed and not installed."""


class RequestError(FeatureStoreError, ValueError):
    """What was asked for does not fit what is there."""


class NotFoundError(RequestError):
    """A name is unknown; the message lists what exists."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str], *, where: str = "") -> NotFoundError:
        """Build the error for an unknown `name`, with the nearest known names as a hint."""
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
        shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
        hint = f"Did you mean {' or '.join(repr(n) for n in near)}?" if near else None
        listing = f"there are: {shown}" if names else "there are none"
        return cls(f"{kind} {name!r} was not found{' in ' + where if where else ''}; {listing}.", hint=hint)


class NameClashError(RequestError):
    """Two columns of one result would carry the same name."""


class EntityDataError(RequestError):
    """The entity rows lack a key or a time column, or one is of the wrong type."""


class InvalidTimeError(RequestError):
    """An instant lies outside of what may be asked for or written."""


class SourceError(FeatureStoreError):
    """A source cannot be read, or its data contradict its declaration."""


class SourceUnavailableError(SourceError):
    """The server of a source cannot be reached, went away in the middle of a call, or cancelled it."""

    retryable = True


class ExpectationError(FeatureStoreError):
    """What a view expects of its rows does not hold: nothing was published or saved."""


class TransformError(FeatureStoreError):
    """A transform fails, is not the code that was registered, or does not do the same each time."""


class RegistryError(FeatureStoreError):
    """Base of the registry's errors."""


class RegistryUnavailableError(RegistryError):
    """The registry's database cannot be reached, or is locked for too long."""

    retryable = True


class StaleRegistryError(RegistryError):
    """The registry has moved since the plan was made."""

    retryable = True


class LeaseHeldError(RegistryError):
    """Another run holds the lease on the same feature view."""

    retryable = True


class RegistryIntegrityError(RegistryError):
    """A stored definition does not match its hash, or the schema is of a newer release."""


class OnlineStoreError(FeatureStoreError):
    """Base of the online store's errors."""


class OnlineStoreUnavailableError(OnlineStoreError):
    """The online store cannot be reached, or went away in the middle of a call."""

    retryable = True


class NotMaterializedError(OnlineStoreError):
    """Nothing has been published for a feature view yet."""


class RowFormatError(OnlineStoreError):
    """Stored bytes were not written for this version of the feature view."""
