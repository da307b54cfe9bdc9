"""What PostgreSQL returns, in the declared types."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.types import FeatureType, Vector
from featurestore.errors import SourceError
from featurestore.frames.types import arrow_type
from featurestore_connectors.postgres.types import converted


def declared(found: pa.Array, dtype: FeatureType, *, source: str, what: str) -> pa.Array:
    """A column as the driver gives it, in the Arrow type of `dtype`.

    Raises:
        SourceError: if a value is not of the type.
    """
    wanted = arrow_type(dtype)
    try:
        if isinstance(dtype, Vector):
            return _vectors(found, wanted, dtype)
        if pa.types.is_timestamp(found.type):
            return _instants(found, wanted)
        return converted(found, wanted)
    except pa.ArrowInvalid as error:
        raise SourceError(
            f"Source {source!r}: {what} holds a value that is not a {dtype}: {error}.",
            hint="Repair the row, or declare another type.",
        ) from error


def _instants(found: pa.Array, wanted: pa.DataType) -> pa.Array:
    # By the zone's name only: the instants are the same.
    return converted(found, found.type).cast(pa.timestamp("us", "UTC")).cast(wanted)


def _vectors(found: pa.Array, wanted: pa.DataType, dtype: Vector) -> pa.Array:
    lengths = pc.list_value_length(found)
    if pc.any(pc.not_equal(lengths, dtype.length)).as_py():
        raise pa.ArrowInvalid(f"a vector has {pc.max(lengths)} items")
    items = pc.list_flatten(found)
    if items.null_count:
        raise pa.ArrowInvalid("a vector has a null inside")
    values = pa.FixedSizeListArray.from_arrays(converted(items, wanted.value_type), dtype.length)
    if not found.null_count:
        return values
    position = pc.subtract(pc.cumulative_sum(pc.is_valid(found).cast(pa.int64())), 1)
    return values.take(pc.if_else(pc.is_valid(found), position, None)).cast(wanted)
