"""Which part each row belongs to: vectorized, by own generators of numbers that no release of a library changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.instants import duration_to_microseconds, to_microseconds
from featurestore.definitions.splits import EntitySplit, FractionSplit, Split, StratifiedSplit, TimeSplit
from featurestore.errors import EntityDataError, NotFoundError
from featurestore.frames.entity_rows import EntityRows
from featurestore.frames.times import ENTITY_TIME, time_column

Parts = npt.NDArray[np.int16]
Numbers = npt.NDArray[np.uint64]
NO_PART = -1
_AT_ONCE = 1 << 16
_WEYL = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0x100000001B3)


def assign_parts(
    split: Split,
    rows: EntityRows,
    *,
    seed: int,
    join_keys: Sequence[str],
    event_timestamp: str,
    timezone: str,
) -> Parts:
    """For each row the position of its part, or `NO_PART`.

    Raises:
        NotFoundError: if a column that the split needs is not there.
        EntityDataError: if such a column is of a type that cannot be used.
    """
    if isinstance(split, TimeSplit):
        column = _columns(rows, [event_timestamp]).column(0)
        return _by_time(split, time_column(column, timezone, name=event_timestamp, reading=ENTITY_TIME))
    if not isinstance(split, FractionSplit):
        raise TypeError(f"a {type(split).__name__} is not one of the splits")
    fractions = list(split.fractions.values())
    if isinstance(split, EntitySplit):
        names = list(split.keys or join_keys)
        if not names:
            raise EntityDataError(
                "The features have no join keys, so there are no entities to split by.",
                hint='Name columns: fs.EntitySplit(…, keys=["…"]).',
            )
        return _by_entity(fractions, _columns(rows, names), seed)
    groups = np.zeros(rows.num_rows, np.int64)
    if isinstance(split, StratifiedSplit):
        groups = _codes(_columns(rows, [split.column]).column(0))
    return _within_groups(fractions, groups, seed)


def _columns(rows: EntityRows, names: list[str]) -> pa.Table:
    for name in names:
        if name not in rows.schema.names:
            raise NotFoundError.of("Column", name, rows.schema.names, where="the entity rows")
    return rows.columns(names)


def _by_time(split: TimeSplit, times: pa.Array | pa.ChunkedArray) -> Parts:
    instants = np.asarray(pc.fill_null(times, 0)).astype(np.int64)
    ends = [to_microseconds(end, what="until") for end in split.until.values() if isinstance(end, datetime)]
    parts = np.searchsorted(np.array(ends, np.int64), instants, side="left").astype(np.int16)
    for end in ends:
        parts[_near(instants, end, split.purge, split.embargo)] = NO_PART
    parts[np.asarray(pc.is_null(times))] = NO_PART
    return parts


def _near(instants: Any, end: int, purge: timedelta, embargo: timedelta) -> Any:
    """Rows in (end - purge, end] or (end, end + embargo]."""
    before, after = duration_to_microseconds(purge), duration_to_microseconds(embargo)
    return (instants > end - before) & (instants <= end + after)


def _by_entity(fractions: list[float], keys: pa.Table, seed: int) -> Parts:
    """By the keys' values: an entity is on the same side whatever other rows there are."""
    scores = _start(seed, keys.num_rows)
    for column in keys.columns:
        scores = _mix(scores ^ _value_numbers(column))
    shares = (scores >> np.uint64(11)).astype(np.float64) / float(1 << 53)
    bounds = np.cumsum(fractions)[:-1]
    return np.searchsorted(bounds, shares, side="right").astype(np.int16)


def _within_groups(fractions: list[float], groups: Any, seed: int) -> Parts:
    """Exact proportions within each group, to less than a row; which groups round up is left to chance."""
    count = len(groups)
    scores = _mix(_start(seed, count) ^ np.arange(count, dtype=np.uint64))
    order = np.lexsort((scores, groups))
    sizes = np.bincount(groups, minlength=1)
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(count) - np.repeat(starts, sizes)
    chance = _mix(_start(seed + 1, len(sizes)) ^ np.arange(len(sizes), dtype=np.uint64))
    luck = (
        (chance >> np.uint64(11)).astype(np.float64) / float(1 << 53) if len(sizes) > 1 else np.array([0.5])
    )
    parts = np.zeros(count, np.int16)
    for bound in np.cumsum(fractions)[:-1]:
        reached = np.floor(bound * sizes + luck)
        parts[order] += rank >= np.repeat(reached, sizes)
    return parts


def _codes(column: pa.ChunkedArray) -> Any:
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    array = pa.concat_arrays(encoded.chunks) if isinstance(encoded, pa.ChunkedArray) else encoded
    return np.asarray(array.indices).astype(np.int64)


def _value_numbers(column: pa.ChunkedArray) -> Numbers:
    dtype = column.type
    if pa.types.is_dictionary(dtype):
        return _value_numbers(column.cast(dtype.value_type))
    if pa.types.is_floating(dtype) or pa.types.is_decimal(dtype) or pa.types.is_nested(dtype):
        raise EntityDataError(
            f"A column of type {dtype} cannot tell entities apart.",
            hint="Use keys that are integers, texts, bytes, booleans, dates or times.",
        )
    nulls = np.asarray(pc.is_null(column))
    if pa.types.is_null(dtype):
        return np.zeros(len(column), np.uint64)
    if _is_text(dtype):
        numbers = np.concatenate(
            [np.zeros(0, np.uint64)]
            + [
                _text_numbers(chunk.slice(start, _AT_ONCE))
                for chunk in column.cast(pa.large_binary()).chunks
                for start in range(0, len(chunk), _AT_ONCE)
            ]
        )
    else:
        numbers = _mix(_as_integers(column))
    numbers[nulls] = np.uint64(0)
    return numbers


def _as_integers(column: pa.ChunkedArray) -> Numbers:
    dtype = column.type
    if pa.types.is_date(dtype):
        column = column.cast(pa.date32()).cast(pa.int32())
    elif pa.types.is_timestamp(dtype):
        column = column.cast(pa.timestamp("us", dtype.tz), safe=False).cast(pa.int64())
    filled = pc.fill_null(column.cast(pa.uint64() if pa.types.is_uint64(dtype) else pa.int64()), 0)
    return np.asarray(filled).astype(np.uint64)


def _is_text(dtype: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_string(dtype) or types.is_large_string(dtype) or types.is_string_view(dtype)
        or types.is_binary(dtype) or types.is_large_binary(dtype) or types.is_binary_view(dtype)
        or types.is_fixed_size_binary(dtype)
    )  # fmt: skip


def _text_numbers(texts: pa.Array) -> Numbers:
    """A number for each text: a polynomial of its bytes, mixed. Texts that share one are treated alike."""
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(offsets)
    numbers = np.zeros(len(texts), np.uint64)
    filled = lengths > 0
    if filled.any():
        data = np.frombuffer(texts.buffers()[2], np.uint8)[offsets[0] : offsets[-1]].astype(np.uint64)
        places = np.arange(len(data)) - np.repeat(offsets[:-1] - offsets[0], lengths)
        powers = _powers(int(lengths.max()))
        terms = (data + np.uint64(1)) * powers[places]
        numbers[filled] = np.add.reduceat(terms, (offsets[:-1] - offsets[0])[filled])
    return _mix(numbers ^ _mix(lengths.astype(np.uint64)))


def _powers(count: int) -> Numbers:
    return np.cumprod(np.full(count, _PRIME, np.uint64), dtype=np.uint64)


def _start(seed: int, count: int) -> Numbers:
    return np.full(count, _mix(np.array([seed % (1 << 64)], np.uint64))[0], np.uint64)


def _mix(numbers: Numbers) -> Numbers:
    """The step of SplitMix64 (https://doi.org/10.1145/2714064.2660195): all bits depend on all."""
    mixed = numbers + _WEYL
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
