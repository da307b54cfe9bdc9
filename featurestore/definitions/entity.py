"""Entities: the things that features describe, and the join keys that identify them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, PlainSerializer

from featurestore.definitions.base import RESERVED_PREFIX, Definition, FrozenDict, Name, Tags
from featurestore.definitions.types import KEY_TYPES, FeatureType, parse_type


def _key_type(column: str, dtype: object) -> FeatureType:
    if isinstance(dtype, str):
        dtype = parse_type(dtype)
    if not column or column.startswith(RESERVED_PREFIX):
        raise ValueError(f"{column!r} is not a column name")
    if not isinstance(dtype, FeatureType) or dtype not in KEY_TYPES:
        raise ValueError(
            f"{dtype!r} cannot be the type of a join key; use one of {', '.join(map(str, KEY_TYPES))}"
        )
    return dtype


def _to_join_keys(value: object) -> FrozenDict[FeatureType]:
    if not isinstance(value, Mapping) or not value:
        raise ValueError('expected a mapping of column to type such as {"tailnum": fs.String}')
    return FrozenDict({column: _key_type(column, dtype) for column, dtype in value.items()})


def _dump_join_keys(value: FrozenDict[FeatureType]) -> dict[str, str]:
    return {column: str(dtype) for column, dtype in value.items()}


JoinKeys = Annotated[
    FrozenDict[FeatureType],
    BeforeValidator(_to_join_keys),
    PlainSerializer(_dump_join_keys, return_type=dict[str, str]),
]


class Entity(Definition):
    """A thing that features describe, identified by one or several join keys.

    Args:
        name: unique among the entities of a project.
        join_keys: column name to type, e.g. ``{"origin": fs.String, "dest": fs.String}``. Types are the
            integers, String, Bytes, Bool, Date and Timestamp.

    Raises:
        DefinitionError: if a key has no name or a type that cannot be a key.

    Example:
        >>> import featurestore as fs
        >>> route = fs.Entity("route", join_keys={"origin": fs.String, "dest": fs.String})
        >>> list(route.join_keys)
        ['origin', 'dest']
    """

    kind: ClassVar[str] = "entity"

    name: Name
    join_keys: JoinKeys
    description: str = ""
    owner: str = ""
    tags: Tags = FrozenDict()

    def __init__(
        self,
        name: str,
        *,
        join_keys: Mapping[str, FeatureType],
        description: str = "",
        owner: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(name=name, join_keys=join_keys, description=description, owner=owner, tags=tags)
