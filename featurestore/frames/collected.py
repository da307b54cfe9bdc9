"""Columns that arrive in batches, put into one array as they come: large ones are never held twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


class Collected:
    """One column of so many rows at most; values of a fixed width go to their place at once, others at the end."""

    def __init__(self, dtype: pa.DataType, at_most: int) -> None:
        self._type = dtype
        self._rows = 0
        self._parts: list[pa.Array] = []
        fixed = pa.types.is_primitive(dtype) and dtype.bit_width >= 8
        # Memory that is never written is never taken.
        self._data = np.empty(at_most, f"i{dtype.bit_width // 8}") if fixed else None
        self._valid: npt.NDArray[np.bool_] | None = None

    def add(self, part: pa.Array) -> None:
        """The next rows."""
        begin, self._rows = self._rows, self._rows + len(part)
        if self._data is None:
            self._parts.append(part)
            return
        values = np.frombuffer(
            part.buffers()[1], self._data.dtype, len(part), part.offset * self._data.itemsize
        )
        self._data[begin : self._rows] = values
        if part.null_count and self._valid is None:
            self._valid = np.ones(len(self._data), np.bool_)
        if self._valid is not None:
            self._valid[begin : self._rows] = part.is_valid()

    def numbers(self) -> npt.NDArray[Any]:
        """The values of a column of numbers that has no nulls; they may be overwritten."""
        if self._data is None or self._valid is not None:
            raise ValueError(f"expected numbers without nulls, found {self._type}")
        numbers: npt.NDArray[Any] = self._data[: self._rows].view(self._type.to_pandas_dtype())
        return numbers

    def array(self) -> pa.Array:
        """The column."""
        if self._data is None:
            return pa.concat_arrays([pa.array([], self._type), *self._parts])
        valid = None
        if self._valid is not None:
            valid = pa.py_buffer(np.packbits(self._valid[: self._rows], bitorder="little"))
        return pa.Array.from_buffers(self._type, self._rows, [valid, pa.py_buffer(self._data[: self._rows])])
