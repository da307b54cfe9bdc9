"""Source rows as the oracle sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Latest:
    """A source row, seen through a view: instants in microseconds, values by feature name.

    Where the view has aggregations, the values are those of the aggregated columns by the columns' names, and
    conditions says which of the view's conditions are true of the row.
    """

    key: Key
    event: int
    created: int | None
    available: int | None
    event_id: object
    values: Mapping[str, object]
    conditions: Mapping[str, bool] = field(default_factory=dict)

    def visible_from(self, delay: int) -> int:
        """The instant from which rule 2 shows the row."""
        shown = self.event + delay
        return shown if self.available is None else max(shown, self.available)
