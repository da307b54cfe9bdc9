"""Stored rows to columns in numpy, Arrow or Python, each made when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from featurestore.definitions.types import Map
from featurestore.online.fixed_width import Mask, Values, from_stored
from featurestore.online.header import FORMAT_VERSION, PUSHED, SIGN
from featurestore.online.python_values import plain_values
from featurestore.online.row_layout import EVENT, FINGERPRINT, NULLS, VERSION, RowLayout
from featurestore.online.variable_width import Slices, from_bytes

if TYPE_CHECKING:
    import pyarrow as pa


class RowColumns:
    """The rows of one view, one for each key that was asked for.

    Raises:
        RowFormatError: if a row was not written for this version of the view, or is damaged.
    """

    def __init__(self, layout: RowLayout, rows: Sequence[bytes | None]) -> None:
        self._layout = layout
        self._given = rows
        filled = [layout.blank if row is None else row for row in rows] if None in rows else rows
        self._rows: list[bytes] = filled  # type: ignore[assignment]  # none of them is missing
        self._check()

    @cached_property
    def present(self) -> Mask:
        """Which rows are there."""
        return np.array([row is not None for row in self._given], np.bool_)

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def event(self) -> npt.NDArray[np.int64]:
        """Event timestamps in microseconds; 0 where a row is missing."""
        return (self._fixed[EVENT].astype(np.uint64) ^ np.uint64(SIGN)).view(np.int64)

    def nulls(self, name: str) -> Mask:
        """Where a feature is null or its row is missing."""
        return self._null_matrix[:, self._layout.positions[name]]

    def numpy(self, name: str) -> Values:
        """A feature of fixed width as it is stored (see `fixed_width`), zeros where `nulls` says so."""
        return self._fixed[name]

    def column(self, name: str) -> pa.Array:
        """A feature's values in Arrow, null where the row is missing."""
        dtype = self._layout.columns[name]
        nulls = self.nulls(name) if self.any_null else None
        if name in self._layout.variable:
            return from_bytes(self._slices(name), nulls, dtype)
        return from_stored(self._fixed[name], nulls, dtype)

    def python(self, name: str) -> list[Any]:
        """A feature's values in Python, None where null or the row is missing."""
        layout = self._layout
        if name in layout.variable:
            values: list[Any] = self.column(name).to_pylist()
            if isinstance(layout.columns[name], Map):
                return [None if pairs is None else dict(pairs) for pairs in values]
            return values
        plain, convert = plain_values(self._fixed[name]), layout.converters.get(name)
        if self.any_null:
            pairs = zip(plain, self.nulls(name).tolist(), strict=True)
            return [None if null else convert(value) if convert else value for value, null in pairs]
        return list(map(convert, plain)) if convert else plain

    @cached_property
    def _fixed(self) -> Values:
        heads = [row[: self._layout.size] for row in self._rows] if self._layout.variable else self._rows
        return np.frombuffer(b"".join(heads), self._layout.dtype)

    @cached_property
    def any_null(self) -> bool:
        """Whether any feature is null, or any row is missing."""
        return bool(self._fixed[NULLS].any())

    @cached_property
    def _null_matrix(self) -> Mask:
        return np.unpackbits(self._fixed[NULLS], axis=1, bitorder="little").view(np.bool_)

    @cached_property
    def _lengths(self) -> npt.NDArray[np.int64]:
        return np.array(list(map(len, self._rows)), np.int64)

    def _slices(self, name: str) -> Slices:
        layout = self._layout
        starts = np.cumsum(self._lengths) - self._lengths + layout.size
        before = layout.variable.index(name)
        ends = self._fixed[name].astype(np.int64)
        begins = self._fixed[layout.variable[before - 1]].astype(np.int64) if before else np.zeros_like(ends)
        return Slices(np.frombuffer(b"".join(self._rows), np.uint8), starts + begins, ends - begins)

    def _check(self) -> None:
        layout = self._layout
        fits = self._lengths >= layout.size if layout.variable else self._lengths == layout.size
        if fits.all():
            fingerprint = int.from_bytes(layout.fingerprint, "big")
            fits = (self._fixed[VERSION] | PUSHED) == FORMAT_VERSION | PUSHED
            fits &= self._fixed[FINGERPRINT] == fingerprint
            if layout.variable:
                ends = np.column_stack([self._fixed[name].astype(np.int64) for name in layout.variable])
                fits &= (np.diff(ends, axis=1) >= 0).all(axis=1) & (
                    ends[:, -1] + layout.size == self._lengths
                )
        if not fits.all():
            raise layout.rejection(self._rows[int(fits.argmin())])
