"""Lists and vectors, which come from Snowflake as JSON."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

# Numbers as texts, which are then read digit by digit; JSON's own numbers have neither NaN nor infinities, which some
# writers put in quotes. Decimals are often written in quotes as well, as most readers of JSON make floats of numbers.
_FLOATS = r'"?(-?(?:[Nn]a[Nn]|[Ii]nf(?:inity)?))"?|(-?[0-9][^,\]\s"]*)'
_DECIMALS = r'"?(-?[0-9][^,\]\s"]*)"?'


def parsed(found: pa.Array, wanted: pa.DataType) -> pa.Array:
    """JSON as lists.

    Args:
        found: texts.
        wanted: lists, or vectors, of any depth.

    Raises:
        pyarrow.ArrowInvalid: if a value is no such list.
    """
    if not len(found):
        return pa.array([], wanted)
    text = pc.fill_null(found, "null")
    leaf = _leaf(wanted)
    if pa.types.is_decimal(leaf):
        text = pc.replace_substring_regex(text, pattern=_DECIMALS, replacement=r'"\1"')
    elif pa.types.is_floating(leaf):
        text = pc.replace_substring_regex(text, pattern=_FLOATS, replacement=r'"\1\2"')
    lines = pc.binary_join_element_wise('{"x":', text, "}", "")
    whole = pc.binary_join(pa.ListArray.from_arrays([0, len(lines)], lines), "\n")[0].as_py().encode()
    options = pa.json.ReadOptions(use_threads=False, block_size=len(whole) + 1)
    parsing = pa.json.ParseOptions(
        explicit_schema=pa.schema([("x", _read_as(wanted))]), unexpected_field_behavior="error"
    )
    return _typed(pa.json.read_json(io.BytesIO(whole), options, parsing).column("x").combine_chunks(), wanted)


def _leaf(found: pa.DataType) -> pa.DataType:
    return _leaf(found.value_type) if pa.types.is_nested(found) else found


def _as_text(leaf: pa.DataType) -> bool:
    return bool(pa.types.is_floating(leaf) or pa.types.is_decimal(leaf))


def _read_as(wanted: pa.DataType) -> pa.DataType:
    """What the parser reads: it knows no vectors, and no exact fractions."""
    if pa.types.is_nested(wanted):
        return pa.list_(_read_as(wanted.value_type))
    return pa.string() if _as_text(wanted) else wanted


def _typed(found: pa.Array, wanted: pa.DataType) -> pa.Array:
    if found.type == wanted:
        return found
    return _vectors(found, wanted) if pa.types.is_fixed_size_list(wanted) else found.cast(wanted)


def _vectors(found: pa.ListArray, wanted: pa.DataType) -> pa.Array:
    lengths, items = pc.list_value_length(found), pc.list_flatten(found)
    if pc.any(pc.not_equal(lengths, wanted.list_size)).as_py():
        raise pa.ArrowInvalid(f"a vector has {pc.max(lengths)} items")
    if items.null_count:
        raise pa.ArrowInvalid("a vector has a null inside")
    vectors = pa.FixedSizeListArray.from_arrays(items.cast(wanted.value_type), wanted.list_size)
    if not found.null_count:
        return vectors.cast(wanted)
    position = pc.subtract(pc.cumulative_sum(pc.is_valid(found).cast(pa.int64())), 1)
    return vectors.take(pc.if_else(pc.is_valid(found), position, None)).cast(wanted)
