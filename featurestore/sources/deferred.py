"""Columns that are left out when the rows of a source are read, and read later for the few rows that need them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Deferred:
    """The columns that were left out.

    Attributes:
        schema: their names and Arrow types.
        read: returns them for some of the rows. These are given by their places among the rows that were read,
            ascending, and come in that order. It fails as the first read does, also where a file has been rewritten
            since then.
    """

    schema: pa.Schema
    read: Callable[[npt.NDArray[np.int64]], Iterator[pa.RecordBatch]]
