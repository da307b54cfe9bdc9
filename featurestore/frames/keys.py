"""Join keys of entity rows: strict about types."""

from __future__ import annotations

import pyarrow as pa

from featurestore.definitions.types import INTEGERS, Bytes, Date, FeatureType, String, Timestamp
from featurestore.errors import EntityDataError
from featurestore.frames.types import arrow_type, is_bytes, is_text


def key_column(column: pa.ChunkedArray, dtype: FeatureType, *, name: str) -> pa.ChunkedArray:
    """A join key as values of its declared type.

    Raises:
        EntityDataError: if the column is of another type (the string "5" is not the integer 5) or a value
            does not fit; names the column, what was expected and what was found.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    wanted = arrow_type(dtype)
    found = column.type
    if found == wanted:
        return column
    if not pa.types.is_null(found) and not _may_be(found, dtype):
        raise EntityDataError(
            f"Join key {name!r}: expected {dtype}, found {found}.", hint=_key_hint(found, dtype, name)
        )
    try:
        if dtype == Timestamp and found.tz is None:
            return column.cast(pa.timestamp("us")).cast(wanted)
        return column.cast(wanted)
    except pa.ArrowInvalid as error:
        raise EntityDataError(f"Join key {name!r}: a value does not fit into {dtype}: {error}.") from error


def _may_be(found: pa.DataType, dtype: FeatureType) -> bool:
    if dtype in INTEGERS:
        return bool(pa.types.is_integer(found))
    if dtype == String:
        return is_text(found)
    if dtype == Bytes:
        return is_bytes(found)
    if dtype == Timestamp:
        return bool(pa.types.is_timestamp(found))
    return bool(dtype == Date and pa.types.is_date64(found))


def _key_hint(found: pa.DataType, dtype: FeatureType, name: str) -> str:
    if dtype in INTEGERS and pa.types.is_floating(found):
        return f"In pandas a missing key turns integers into floats: df[{name!r}].astype('Int64') keeps them."
    return f"Convert the column {name!r} to {dtype} first."
