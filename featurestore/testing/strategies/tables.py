"""The rows of a case as a table of a database: which cases such a table can hold, and in which types."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.types import FeatureType
from featurestore.frames.types import arrow_type, converts
from featurestore.protocols.offline import ViewPlan
from featurestore.testing.strategies.cases import Case

# What databases have besides the types that Arrow has too: the next wider one.
_WIDER = {
    pa.int8(): pa.int16(), pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64(),
    pa.float16(): pa.float32(), pa.large_string(): pa.string(), pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(), pa.binary_view(): pa.binary(),
}  # fmt: skip


def table_for_database(case: Case) -> pa.Table | None:
    """The rows of a case in types that databases have; None if some value has none or is not what is declared."""
    return table_of_plan(case.table, case.plans[0])


def table_of_plan(table: pa.Table, plan: ViewPlan) -> pa.Table | None:
    """Rows of a view's source in types that databases have; see `table_for_database`."""
    declared = {f.column: f.dtype for f in plan.inputs} | {key.name: key.dtype for key in plan.keys}
    columns = {}
    for name in table.schema.names:
        column = table.column(name)
        stored = stored_type(column.type, declared.get(name))
        if stored is None or not _fits(column, stored, declared.get(name)):
            return None
        columns[name] = _stored(column, stored)
    return pa.table(columns)


def stored_type(found: pa.DataType, declared: FeatureType | None) -> pa.DataType | None:
    """The type in which a database holds a column; None if there is none."""
    if pa.types.is_null(found):
        return pa.timestamp("us", "UTC") if declared is None else stored_type(arrow_type(declared), None)
    if pa.types.is_dictionary(found):
        return stored_type(found.value_type, declared)
    if pa.types.is_timestamp(found):
        return pa.timestamp("us", None if found.tz is None else "UTC")
    if pa.types.is_list(found) or pa.types.is_large_list(found) or pa.types.is_fixed_size_list(found):
        item = stored_type(found.value_type, None)
        return None if item is None or pa.types.is_nested(item) else pa.list_(item)
    if pa.types.is_fixed_size_binary(found) and not pa.types.is_decimal(found):
        return pa.binary()
    return None if found == pa.uint64() else _WIDER.get(found, found)


def _fits(column: pa.ChunkedArray, stored: pa.DataType, declared: FeatureType | None) -> bool:
    if declared is not None and not converts(stored, declared):
        return False
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return False
    return not _has_nul(column)


def _has_nul(column: pa.ChunkedArray) -> bool:
    """Whether a text has a character that texts of databases cannot have."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_nested(column.type):
        return _has_nul(pc.list_flatten(column))
    text = (
        pa.types.is_string(column.type)
        or pa.types.is_large_string(column.type)
        or pa.types.is_string_view(column.type)
    )
    return text and any(value is not None and "\x00" in value for value in column.to_pylist())


def _stored(column: pa.ChunkedArray, stored: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_null(column.type):
        return pa.chunked_array([pa.nulls(len(column), stored)])
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_fixed_size_list(column.type) or pa.types.is_float16(column.type):
        return pa.chunked_array([pa.array(column.to_pylist(), stored)])
    if pa.types.is_timestamp(column.type):
        ticks = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
        return ticks.cast(pa.timestamp("us")).cast(stored) if stored.tz is None else ticks.cast(stored)
    return column.cast(stored)
