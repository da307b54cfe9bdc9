"""What all definitions share: validation at construction, immutability, hashing, canonical JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar, cast

import pydantic
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from featurestore.definitions.types import FeatureType, parse_type
from featurestore.errors import DefinitionError, RequestError

V = TypeVar("V")
RESERVED_PREFIX = "__fs_"
_NOT_THE_CALLER = (str(Path(__file__).parents[1]), str(Path(pydantic.__file__).parent), "<")


class FrozenDict(Mapping[str, V]):
    """An immutable, hashable mapping that keeps the order it was given."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, V] = {}) -> None:
        self._items = dict(items)

    def __getitem__(self, key: str) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


def _check_name(name: str) -> str:
    if not name.isascii() or not name.isidentifier() or len(name) > 200:
        raise ValueError(
            f"{name!r} is not a name: use ASCII letters, digits and underscores, not a digit first"
        )
    if name.startswith(RESERVED_PREFIX):
        raise ValueError(f"{name!r} starts with {RESERVED_PREFIX!r}, which is reserved")
    return name


def _to_type(value: object) -> object:
    if isinstance(value, str):
        return parse_type(value)
    if value is not None and not isinstance(value, FeatureType):
        raise ValueError(f"expected a feature type such as fs.Float64 or fs.String, found {value!r}")
    return value


def _to_microseconds(value: timedelta) -> int:
    return value // timedelta(microseconds=1)


_reads_stored: ContextVar[bool] = ContextVar("reads a stored definition", default=False)


@contextmanager
def stored_form() -> Iterator[None]:
    """Within it definitions are made from their JSON, where durations are whole microseconds."""
    token = _reads_stored.set(True)
    try:
        yield
    finally:
        _reads_stored.reset(token)


def to_duration(value: object) -> object:
    """A duration as it is given to a definition; a number is one only in stored JSON.

    Raises:
        ValueError: if it is not a timedelta.
    """
    if isinstance(value, timedelta) or value is None:
        return value
    if _reads_stored.get() and isinstance(value, int):
        return timedelta(microseconds=value)
    raise ValueError(f"expected a timedelta such as timedelta(hours=1), found {value!r}")


def _to_frozen(value: object) -> object:
    return FrozenDict(value) if isinstance(value, Mapping) else value


Name = Annotated[str, AfterValidator(_check_name)]
Type = Annotated[FeatureType, BeforeValidator(_to_type), PlainSerializer(str, return_type=str)]
Duration = Annotated[
    timedelta, BeforeValidator(to_duration), PlainSerializer(_to_microseconds, return_type=int)
]
Texts = Annotated[
    FrozenDict[str], BeforeValidator(_to_frozen), PlainSerializer(dict, return_type=dict[str, str])
]
Tags = Texts


def some_names(names: Sequence[str], most: int = 20) -> str:
    """Names for people to read: the first of them, and how many more there are."""
    more = f", … ({len(names) - most} more)" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def canonical_json(value: object) -> str:
    """The one text form of a JSON value: sorted keys, no spaces, non-ASCII kept."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class Definition(BaseModel):
    """Base of all definitions: immutable, validated at construction, hashable, JSON and back."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, strict=False)

    kind: ClassVar[str] = ""
    added_later: ClassVar[tuple[str, ...]] = ()
    """Fields that are left out of the JSON while they have their default, so that older hashes stay."""

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped: dict[str, Any] = handler(self)
        for name in self.added_later:
            if getattr(self, name) == type(self).model_fields[name].default:
                dumped.pop(name, None)
        return dumped

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _definition_error(
                type(self).__name__, fields.get("name") or fields.get("column"), error
            ) from error

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self).__name__, *self.__dict__.values()))

    def __repr_args__(self) -> Iterator[tuple[str, object]]:
        fields = type(self).model_fields
        return ((name, value) for name, value in self.__dict__.items() if value != fields[name].default)

    def __str__(self) -> str:
        return repr(self)

    def to_json(self) -> str:
        """The definition as canonical JSON; `from_json` reads it back with the same hashes."""
        return canonical_json(self.model_dump(mode="json"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a definition back from `to_json`.

        Raises:
            DefinitionError: if the text is not such a definition.
        """
        try:
            with stored_form():
                return cls(**json.loads(text))
        except (TypeError, json.JSONDecodeError) as error:
            raise DefinitionError(f"This is not the JSON of a {cls.__name__}: {error}.") from error


def check_several(value: object, what: str) -> None:
    """Check that an argument is a list: of a single name the letters would be taken, of a definition the fields.

    Raises:
        RequestError: if it is one name or definition.
    """
    if isinstance(value, str | Definition):
        name = value if isinstance(value, str) else getattr(value, "name", "…")
        raise RequestError(
            f"{what} must be a list, found a single {type(value).__name__}.",
            hint=f"Write [{name!r}]." if isinstance(value, str) else f"Put {name!r} into a list.",
        )


def check_items(value: object, kinds: tuple[type, ...], example: str) -> object:
    """Check that a field is a list of such definitions, or of their JSON.

    Raises:
        ValueError: if it is something else; says what it should look like.
    """
    single = isinstance(value, str | Definition | Mapping) or not isinstance(value, Iterable)
    items: list[object] = [] if single else list(cast("Iterable[object]", value))
    wrong = [value] if single else [item for item in items if not isinstance(item, (*kinds, Mapping))]
    if wrong:
        what = "" if isinstance(wrong[0], Definition) else f" {wrong[0]!r}"
        inside = "" if single else " in it"
        raise ValueError(f"expected a list such as {example}, found {type(wrong[0]).__name__}{what}{inside}")
    return items


def _definition_error(kind: str, name: object, error: ValidationError) -> DefinitionError:
    problems = []
    for problem in error.errors(include_url=False):
        cause = problem.get("ctx", {}).get("error")
        where = ".".join(str(part) for part in problem["loc"])
        text = str(cause) if cause is not None else f"{problem['msg']} (found {problem['input']!r})"
        problems.append(f"{where}: {text}" if where else text)
    label = f"{kind} {name!r}" if name is not None else kind
    return DefinitionError(f"{label}: {'; '.join(problems)}", location=caller_location())


def caller_location() -> str | None:
    """``file:line`` of the nearest frame outside of this package and of pydantic."""
    frame = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_NOT_THE_CALLER):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None
