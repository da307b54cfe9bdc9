"""The quantiles of a feature: a KLL sketch of Apache DataSketches (Karnin, Lang and Liberty, 2016).

The library takes in many values by sorting a few hundred at a time. Sorting all of a block with numpy and handing over
every 2**h-th of them, as values that stand for 2**h each, takes a sixth of the time: such a sketch of a block is
written in the library's serialised form, which says at which level values are, and merged into the one of the column.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import datasketches
import numpy as np
import numpy.typing as npt

K: Final = 400
"""A rank is off by less than 0.7 %, with 99 % probability (`kll_doubles_sketch.get_normalized_rank_error`)."""
_AT_LEVEL: Final = 512
"""At most so many values, and more than half of it, stand for a block: a rank within it is off by less than 0.2 %."""
_LEAST: Final = 3
"""Below this level taking in all values is as fast."""
_HEAD: Final = struct.Struct("<BBBBHBBQHBB")
_M: Final = 8  # the least capacity of a level


def new_quantiles() -> Any:
    """An empty quantile sketch."""
    return datasketches.kll_doubles_sketch(K)


def load_quantiles(form: bytes) -> Any:
    """Read a quantile sketch back."""
    return datasketches.kll_doubles_sketch.deserialize(form)


def merge_quantiles(forms: Sequence[bytes]) -> bytes:
    """The quantile sketch of all that some have seen."""
    merged = new_quantiles()
    for form in forms:
        merged.merge(load_quantiles(form))
    return bytes(merged.serialize())


def add_sorted(sketch: Any, numbers: npt.NDArray[np.float64]) -> None:
    """Take finite numbers in growing order."""
    level = ((len(numbers) - 1) // _AT_LEVEL).bit_length()
    if level < _LEAST:
        sketch.update(numbers)
        return
    count, rest = divmod(len(numbers), 1 << level)
    chosen = numbers[_spread(count, len(numbers))]
    sketch.merge(load_quantiles(_form(chosen, level, float(numbers[0]), float(numbers[-1]))))
    # As many values as are left, each for itself, so that the sketch stands for the number of values there are.
    sketch.update(numbers[_spread(rest, len(numbers))])


def _spread(count: int, over: int) -> npt.NDArray[np.int64]:
    """So many places, each in the middle of its share of all."""
    return ((np.arange(count) + 0.5) * (over / max(count, 1))).astype(np.int64)


def _form(numbers: npt.NDArray[np.float64], level: int, low: float, high: float) -> bytes:
    """The serialised form of a sketch with all values at one level."""
    levels = level + 1
    first = sum(_capacity(levels - 1 - each) for each in range(levels)) - len(numbers)
    head = _HEAD.pack(5, 1, 15, 0, K, _M, 0, len(numbers) << level, K, levels, 0)
    offsets = struct.pack(f"<{levels}I", *([first] * levels))
    return head + offsets + struct.pack("<dd", low, high) + numbers.astype("<f8").tobytes()


def _capacity(depth: int) -> int:
    """How many values a level has room for that lies so deep below the uppermost: ``K * (2 / 3) ** depth``."""
    room: int = ((2 * K << depth) // 3**depth + 1) >> 1
    return max(_M, room)
