"""Where everything is in the rows of one view version."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from featurestore.definitions.types import FeatureType
from featurestore.errors import RowFormatError
from featurestore.online.header import (
    FINGERPRINT_SIZE,
    FORMAT_VERSION,
    HEADER_SIZE,
    fingerprint_of,
    format_of,
    order_preserving,
)
from featurestore.online.python_values import converter
from featurestore.online.stored_types import Stored, stored_form

if TYPE_CHECKING:
    import numpy as np

# No feature's name holds a colon.
VERSION: Final = ":version"
FINGERPRINT: Final = ":fingerprint"
EVENT: Final = ":event"
CREATED: Final = ":created"
WRITTEN: Final = ":written"
NULLS: Final = ":nulls"
_HEADER = [
    (VERSION, "u1"),
    (FINGERPRINT, f">u{FINGERPRINT_SIZE}"),
    (EVENT, ">u8"),
    (CREATED, ">u8"),
    (WRITTEN, ">u4"),
]
_END = Stored("I")
Pick: TypeAlias = Callable[[tuple[Any, ...]], tuple[Any, ...]]


@dataclass(frozen=True)
class RowLayout:
    """The layout of a row.

    Attributes:
        label: the view and its version, for messages.
        columns: types by name, in the order of the names.
        positions: number of each column in that order, which is that of its bit among the nulls.
        fixed: columns of fixed width.
        variable: columns of variable width.
        parts: the forms of what follows the header: bitmap, values of fixed width, ends of those of variable width.
        body: the same for `struct`.
        slots: number of each column among `parts`.
        converters: from plain values (numbers, bytes) to those of Python, for types whose values are not plain.
        size: bytes of the header and of `parts`.
        fingerprint: the schema's.
        no_nulls: the bitmap of a row without a null.
        blank: a row in which all is null, to stand for one that is not there.
    """

    label: str
    columns: Mapping[str, FeatureType]
    positions: Mapping[str, int]
    fixed: tuple[str, ...]
    variable: tuple[str, ...]
    parts: Mapping[str, Stored]
    body: struct.Struct
    slots: Mapping[str, int]
    converters: Mapping[str, Callable[[Any], Any]]
    size: int
    fingerprint: bytes
    no_nulls: bytes
    blank: bytes

    @classmethod
    def of(cls, columns: Sequence[tuple[str, FeatureType]], *, fingerprint: bytes, label: str) -> Self:
        """The layout of columns that are in the order of their names."""
        stored = {name: stored_form(dtype) for name, dtype in columns}
        variable = [name for name, form in stored.items() if form is None]
        nulls = Stored("B", (len(columns) + 7) // 8)
        parts = {NULLS: nulls} | {name: form for name, form in stored.items() if form is not None}
        parts |= dict.fromkeys(variable, _END)
        body = struct.Struct("<" + "".join(form.in_struct for form in parts.values()))
        size = HEADER_SIZE + body.size
        header = bytes([FORMAT_VERSION]) + fingerprint + order_preserving(0)
        blank = header.ljust(HEADER_SIZE, b"\0") + b"\xff" * nulls.size
        return cls(
            label=label,
            columns=dict(columns),
            positions={name: position for position, (name, _) in enumerate(columns)},
            fixed=tuple(name for name, form in stored.items() if form is not None),
            variable=tuple(variable),
            parts=parts,
            body=body,
            slots={name: slot for slot, name in enumerate(parts)},
            converters={name: convert for name, dtype in columns if (convert := converter(dtype))},
            size=size,
            fingerprint=fingerprint,
            no_nulls=bytes(nulls.size),
            blank=blank.ljust(size, b"\0"),
        )

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Header and `parts` for numpy."""
        import numpy as np

        from featurestore.online.fixed_width import numpy_dtype

        return np.dtype([*_HEADER, *((name, numpy_dtype(form)) for name, form in self.parts.items())])

    def pick(self, names: Sequence[str]) -> Pick | None:
        """What takes some features' values out of those of `body`, None where not all are plain."""
        if not names or any(name in self.converters or name in self.variable for name in names):
            return None
        slots = [self.slots[name] for name in names]
        first, after = slots[0], slots[-1] + 1
        return itemgetter(slice(first, after)) if slots == list(range(first, after)) else itemgetter(*slots)

    def whole(self, row: bytes, values: tuple[Any, ...]) -> bool:
        """Whether a row, of which `values` are those of `body`, ends where it should."""
        if not self.variable:
            return len(row) == self.size
        ends = (0, *values[1 + len(self.fixed) :])
        return len(row) == self.size + ends[-1] and all(begin <= end for begin, end in pairwise(ends))

    def rejection(self, row: bytes) -> RowFormatError:
        """The error for a row of another format or schema, or one that is not as long as it has to be."""
        known = (FORMAT_VERSION, self.fingerprint)
        if len(row) >= HEADER_SIZE and (format_of(row), fingerprint_of(row)) != known:
            problem = (
                f"expected a row of format {FORMAT_VERSION} with schema {self.fingerprint.hex()}, "
                f"found format {format_of(row)} with schema {fingerprint_of(row).hex()}."
            )
        else:
            problem = f"a stored row of {len(row)} bytes does not end where it should."
        return RowFormatError(
            f"View {self.label}: {problem}",
            hint="Another version of the library or of the view has written it: materialize the view anew.",
        )
