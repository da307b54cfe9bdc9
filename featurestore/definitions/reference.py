"""References: a feature view as one request uses it (which features, under what name, with which keys)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Protocol

from pydantic import BeforeValidator, Field, PlainSerializer, PrivateAttr

from featurestore.definitions.base import Definition, FrozenDict, Name
from featurestore.errors import NotFoundError, RequestError

_TEXT = re.compile(r"(?P<view>\w+)(@(?P<version>\d+))?(:(?P<feature>\w+))?")
Renames = Annotated[
    FrozenDict[str],
    BeforeValidator(lambda value: FrozenDict(value) if isinstance(value, Mapping) else value),
    PlainSerializer(dict, return_type=dict[str, str]),
]


class Referred(Protocol):
    """What a reference needs of the feature view that it is made from."""

    @property
    def name(self) -> str:
        """The view's name."""
        ...

    @property
    def join_keys(self) -> Mapping[str, Any]:
        """By their names."""
        ...

    def feature(self, name: str) -> object:
        """The feature called `name`.

        Raises:
            NotFoundError: if the view has no such feature.
        """
        ...


class ViewReference(Definition):
    """A feature view as one request or service uses it.

    Made by ``view["feature"]``, ``view.alias(...)``, ``view.with_join_keys(...)`` (which can be chained) or
    read from text such as ``"plane_load@3:worst"``.

    Attributes:
        view: the view's name.
        version: a version number, or None for the active one.
        features: names of the features in use, or None for all.
        alias: the name under which the view takes part, by default its own.
        join_keys: renamed join keys, key to column of the entity rows.
    """

    kind: ClassVar[str] = "view_reference"

    view: Name
    version: Annotated[int, Field(ge=1)] | None = None
    features: tuple[str, ...] | None = None
    alias_name: Name | None = None
    join_keys: Renames = FrozenDict()

    _definition: Any = PrivateAttr(default=None)

    @classmethod
    def of(cls, view: Referred) -> ViewReference:
        """Refer to all features of a view object."""
        reference = cls(view=view.name)
        reference._definition = view
        return reference

    @classmethod
    def parse(cls, text: str) -> ViewReference:
        """Read ``view``, ``view@version``, ``view:feature`` or ``view@version:feature``.

        Raises:
            RequestError: if the text has another form.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise RequestError(
                f"{text!r} does not name a feature, a view or a service.",
                hint='Write "view", "view:feature", "view@version", "view@version:feature" or "service".',
            )
        version, feature = match["version"], match["feature"]
        return cls(
            view=match["view"],
            version=int(version) if version else None,
            features=(feature,) if feature else None,
        )

    @property
    def definition(self) -> Referred | None:
        """The view object the reference was made from, or None where it was made from text."""
        view: Referred | None = self._definition
        return view

    @property
    def label(self) -> str:
        """The name under which the view takes part in a request: its alias, else its own."""
        return self.alias_name or self.view

    def __getitem__(self, features: str | Sequence[str]) -> ViewReference:
        """Only these of the features.

        Raises:
            NotFoundError: if the view has no such feature.
        """
        names = (features,) if isinstance(features, str) else tuple(features)
        if self.definition is not None:
            for name in names:
                self.definition.feature(name)
        return self._with(features=names)

    def alias(self, name: str) -> ViewReference:
        """The same under another name, so that one request may hold a view twice."""
        return self._with(alias_name=name)

    def with_join_keys(self, renames: Mapping[str, str]) -> ViewReference:
        """The same with join keys taken from other columns of the entity rows.

        Raises:
            NotFoundError: if the view has no such join key.
            RequestError: if `renames` is no mapping.
        """
        given: object = renames
        if not isinstance(given, Mapping):
            raise RequestError(
                f"with_join_keys takes a dict, found {renames!r}.",
                hint='Join key to column of the entity rows: {"tailnum": "inbound_tailnum"}.',
            )
        if self.definition is not None:
            for key in renames:
                if key not in self.definition.join_keys:
                    raise NotFoundError.of(
                        "Join key", key, self.definition.join_keys, where=f"view {self.view!r}"
                    )
        return self._with(join_keys={**self.join_keys, **renames})

    def _with(self, **changes: Any) -> ViewReference:
        reference = ViewReference(**{**self.__dict__, **changes})
        reference._definition = self._definition
        return reference
