"""Rows as bytes: a header, a bitmap of nulls, values of fixed width, then those of variable width.

Columns are in the order of their names. A bit that is set marks a null, whose value is zeros. After the
values of fixed width comes, for each column of variable width, where its bytes end (u32, counted from the
end of these numbers), then the bytes themselves. `header`, `fixed_width` and `variable_width` say the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from featurestore.definitions.types import FeatureType
from featurestore.frames.types import arrow_type
from featurestore.online.decoded import DecodedRows
from featurestore.online.few_rows import PlainReader, plain_reader
from featurestore.online.fixed_width import to_stored
from featurestore.online.header import FINGERPRINT_SIZE, SIGN, version_byte
from featurestore.online.ragged import fixed_width_array, join, null_mask, slices_of
from featurestore.online.row_layout import (
    CREATED,
    EVENT,
    FINGERPRINT,
    NULLS,
    VERSION,
    WRITTEN,
    RowLayout,
)
from featurestore.online.variable_width import to_bytes

__all__ = ["DecodedRows", "RowCodec"]

Int64Values: TypeAlias = "npt.NDArray[np.int64] | pa.Array | pa.ChunkedArray"


class RowCodec:
    """Encodes and decodes the rows of one view version.

    Args:
        features: names and types.
        label: the view and its version, for messages.

    Attributes:
        fingerprint: four bytes that stand for names and types.
    """

    def __init__(self, features: Sequence[tuple[str, FeatureType]], *, label: str) -> None:
        columns = tuple(sorted(features, key=lambda feature: feature[0]))
        self.fingerprint = schema_fingerprint(columns)
        self._layout = RowLayout.of(columns, fingerprint=self.fingerprint, label=label)

    def encode(
        self,
        table: pa.Table,
        *,
        event: Int64Values,
        created: Int64Values | None,
        written: int | npt.NDArray[np.integer[Any]],
        pushed: bool,
    ) -> list[bytes]:
        """One row for each row of the table.

        Args:
            table: a column for each feature (others are ignored).
            event: event timestamps, microseconds since the epoch.
            created: created timestamps, which may be null.
            written: run number; see `featurestore.online.header`.
            pushed: whether the rows are pushed ones.

        Raises:
            SourceError: if a vector has a null item.
        """
        layout = self._layout
        fixed = np.zeros(table.num_rows, layout.dtype)
        fixed[VERSION] = version_byte(pushed=pushed)
        fixed[FINGERPRINT] = int.from_bytes(layout.fingerprint, "big")
        fixed[EVENT] = _ordered(event)
        fixed[CREATED] = 0 if created is None else _ordered(created)
        fixed[WRITTEN] = written
        columns = {name: _array(table.column(name), dtype) for name, dtype in layout.columns.items()}
        if any(column.null_count for column in columns.values()):
            nulls = np.column_stack([np.asarray(column.is_null()) for column in columns.values()])
            fixed[NULLS] = np.packbits(nulls, axis=1, bitorder="little")
        for name in layout.fixed:
            fixed[name] = to_stored(columns[name], layout.columns[name], name=name)
        variable = [to_bytes(columns[name], layout.columns[name], name=name) for name in layout.variable]
        ends = np.zeros(table.num_rows, np.int64)
        for name, values in zip(layout.variable, variable, strict=True):
            ends += np.diff(slices_of(values)[0])
            fixed[name] = ends
        rows: list[bytes] = join([fixed_width_array(fixed, layout.size), *variable]).to_pylist()
        return rows

    def plain_reader(self, names: Sequence[str]) -> PlainReader | None:
        """See `few_rows.plain_reader`."""
        return plain_reader(self._layout, names)

    def decode(self, rows: Sequence[bytes | None]) -> DecodedRows:
        """Stored rows, None where there was none.

        Raises:
            RowFormatError: if a row was not written for this version of the view, or is damaged.
        """
        return DecodedRows(self._layout, rows)


def schema_fingerprint(columns: Sequence[tuple[str, FeatureType]]) -> bytes:
    """The first four bytes of SHA-256 over names and types, one a line, in the order of the names."""
    text = "".join(f"{name} {dtype}\n" for name, dtype in columns)
    return hashlib.sha256(text.encode()).digest()[:FINGERPRINT_SIZE]


def _ordered(instants: Int64Values) -> npt.NDArray[np.uint64]:
    nulls = None
    if not isinstance(instants, np.ndarray):
        array = _array(instants, None).cast(pa.int64())
        nulls = null_mask(array)
        instants = np.asarray(array.fill_null(0))
    ordered: npt.NDArray[np.uint64] = instants.astype(np.int64).view(np.uint64) ^ np.uint64(SIGN)
    if nulls is not None:
        ordered[nulls] = 0
    return ordered


def _array(column: pa.Array | pa.ChunkedArray, dtype: FeatureType | None) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if dtype is None or array.type == arrow_type(dtype):
        return array
    return array.cast(arrow_type(dtype))
