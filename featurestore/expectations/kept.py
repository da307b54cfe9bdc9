"""The failing rows that are kept for inspection: some of them, without what is personal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

MOST_KEPT: Final = 1_000
"""So many rows are kept of each expectation that fails."""


@dataclass(frozen=True)
class RowShape:
    """Where in a batch the parts of a row are that are worth keeping.

    Attributes:
        keys: join key to column, without those that are personal.
        event: the column with the event timestamp; microseconds, or a time of any kind.
        features: name to column, all of them.
        personal: features whose values are not kept.
    """

    keys: Mapping[str, str]
    event: str
    features: Mapping[str, str]
    personal: Collection[str] = ()

    def of(self, batch: pa.RecordBatch, feature: str | None, event_name: str) -> pa.Table:
        """Keys, event timestamp (under a name) and one feature's values of the rows of a batch."""
        columns = {name: batch.column(column) for name, column in self.keys.items()}
        event = batch.column(self.event)
        columns[event_name] = (
            event.cast(pa.timestamp("us", "UTC")) if pa.types.is_int64(event.type) else event
        )
        if feature is not None and feature not in self.personal:
            columns[feature] = batch.column(self.features[feature])
        return pa.table(columns)


class KeptRows:
    """The first failing rows of each expectation.

    Args:
        taken: names of keys and features, which no column of our own may have.
    """

    def __init__(self, taken: Collection[str]) -> None:
        self._taken = frozenset(taken)
        self._tables: dict[str, list[pa.Table]] = {}

    def free(self, name: str) -> int:
        """How many more rows of an expectation are kept."""
        return MOST_KEPT - sum(len(table) for table in self._tables.get(name, ()))

    def add(self, name: str, rows: pa.Table) -> None:
        """Keep rows of an expectation, as long as there are not too many."""
        self._tables.setdefault(name, []).append(rows.slice(0, self.free(name)))

    def column(self, own: str) -> str:
        """What a column of our own is called among the keys and the features."""
        while own in self._taken:
            own = f"check_{own}"
        return own

    def table(self, failed: Mapping[str, str]) -> pa.Table | None:
        """The rows of the expectations that failed (name to `on_failure`), one below the other; None without any."""
        found = []
        for name, on_failure in failed.items():
            for table in self._tables.get(name, ()):
                said = [pa.repeat(text, table.num_rows) for text in (name, on_failure)]
                names = [self.column("expectation"), self.column("on_failure"), *table.column_names]
                found.append(pa.table([*said, *table.columns], names=names))
        return pa.concat_tables(found, promote_options="default").combine_chunks() if found else None
