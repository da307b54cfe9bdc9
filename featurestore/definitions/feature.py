"""Features: one named, typed column of a feature view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import field_validator

from featurestore.definitions.base import Definition, FrozenDict, Name, Tags, Type
from featurestore.definitions.types import FeatureType, holds_map


class Feature(Definition):
    """A named, typed value of an entity, read from one column of the view's source.

    Args:
        name: the feature's name in training frames and online rows.
        dtype: the type it has everywhere; the source column must convert to it without loss.
        column: the source column, by default the feature's name.

    Raises:
        DefinitionError: if the name or the type is not one.

    Example:
        >>> import featurestore as fs
        >>> fs.Feature("last_delay", fs.Float64, column="arr_delay").column
        'arr_delay'
    """

    kind: ClassVar[str] = "feature"

    name: Name
    dtype: Type
    column: str = ""
    description: str = ""
    tags: Tags = FrozenDict()

    def __init__(
        self,
        name: str,
        dtype: FeatureType,
        *,
        column: str = "",
        description: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(name=name, dtype=dtype, column=column or name, description=description, tags=tags)

    @property
    def inputs(self) -> Mapping[str, FeatureType | None]:
        """The columns that it is made from, and the types they must convert to."""
        return {self.column: self.dtype}

    @field_validator("dtype")
    @classmethod
    def _check_dtype(cls, value: FeatureType) -> FeatureType:
        if holds_map(value):
            raise ValueError(f"{value} is what an aggregation gives with by=…, no type of a column")
        return value

    def values_payload(self) -> dict[str, Any]:
        """The parts that change values: what the data hash of a view is taken over."""
        return {"dtype": str(self.dtype), "column": self.column}
