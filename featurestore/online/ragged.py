"""Byte strings of different lengths, side by side in one buffer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Octets = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]


def gather(buffer: Octets, starts: Positions, lengths: Positions) -> Octets:
    """The slices ``buffer[start : start + length]``, one after the other in one new buffer."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    positions = np.arange(total, dtype=np.int64) + np.repeat(starts - (ends - lengths), lengths)
    slices: Octets = buffer[positions]
    return slices


def offsets_of(lengths: Positions) -> Positions:
    """Where each slice starts when they lie side by side, and where the last one ends."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def binary_array(offsets: Positions, data: Octets) -> pa.LargeBinaryArray:
    """Slices that lie side by side as an Arrow array, without a copy."""
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def fixed_width_array(values: npt.NDArray[np.generic], width: int) -> pa.LargeBinaryArray:
    """The memory of each row of `values`, which takes `width` bytes."""
    data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    return binary_array(np.arange(len(values) + 1, dtype=np.int64) * width, data)


def slices_of(array: pa.LargeBinaryArray) -> tuple[Positions, Octets]:
    """Offsets and buffer of an array without nulls."""
    offsets = np.frombuffer(array.buffers()[1], np.int64, len(array) + 1, array.offset * 8)
    data = array.buffers()[2]
    return offsets, np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)


def join(parts: list[pa.LargeBinaryArray], *, nulls: str = "replace") -> pa.LargeBinaryArray:
    """The parts of each row side by side; nulls count as empty, or (``emit_null``) make the row null."""
    if len(parts) == 1 and parts[0].null_count == 0:
        return parts[0]
    import pyarrow.compute as pc

    # Made here: the first scalar makes Arrow import pandas, which a process that only reads does not need.
    nothing = pa.scalar(b"", pa.large_binary())
    return pc.binary_join_element_wise(*parts, nothing, null_handling=nulls, null_replacement=b"")


def validity(nulls: npt.NDArray[np.bool_] | None) -> pa.Buffer | None:
    """A mask of nulls as Arrow's bitmap."""
    if nulls is None or not nulls.any():
        return None
    return pa.py_buffer(np.packbits(~nulls, bitorder="little"))


def null_mask(array: pa.Array) -> npt.NDArray[np.bool_] | None:
    """Which values are null, or None where none is."""
    if array.null_count == 0:
        return None
    mask: npt.NDArray[np.bool_] = np.asarray(array.is_null())
    return mask
