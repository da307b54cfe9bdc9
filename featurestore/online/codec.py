"""Rows as bytes: a header, a bitmap of nulls, values of fixed width, then those of variable width.

Columns are in the order of their names. A bit that is set marks a null, whose value is zeros. After the
values of fixed width comes, for each column of variable width, where its bytes end (u32, counted from the
end of these numbers), then the bytes themselves. `header`, `stored_types` and `variable_width` say the rest.

A few rows are read in Python, many in columns; only these need numpy and Arrow, which load when they are used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from featurestore.definitions.types import FeatureType
from featurestore.online.few_rows import FewRows, PlainReader, plain_reader
from featurestore.online.header import FINGERPRINT_SIZE
from featurestore.online.row_layout import RowLayout

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from featurestore.online.columns_to_rows import Int64Values
    from featurestore.online.rows_to_columns import RowColumns


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
        from featurestore.online.columns_to_rows import columns_to_rows

        return columns_to_rows(
            self._layout, table, event=event, created=created, written=written, pushed=pushed
        )

    def plain_reader(self, names: Sequence[str]) -> PlainReader | None:
        """See `few_rows.plain_reader`."""
        return plain_reader(self._layout, names)

    def few(self, rows: Sequence[bytes | None]) -> FewRows:
        """A few stored rows, None where there was none, to be read in Python.

        Raises:
            RowFormatError: if a row was not written for this version of the view, or is damaged.
        """
        return FewRows(self._layout, rows)

    def columns(self, rows: Sequence[bytes | None]) -> RowColumns:
        """Stored rows, None where there was none, as columns.

        Raises:
            RowFormatError: if a row was not written for this version of the view, or is damaged.
        """
        from featurestore.online.rows_to_columns import RowColumns

        return RowColumns(self._layout, rows)


def schema_fingerprint(columns: Sequence[tuple[str, FeatureType]]) -> bytes:
    """The first four bytes of SHA-256 over names and types, one a line, in the order of the names."""
    text = "".join(f"{name} {dtype}\n" for name, dtype in columns)
    return hashlib.sha256(text.encode()).digest()[:FINGERPRINT_SIZE]
