"""What the detector found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Leak:
    """A value that knows what was not knowable at its time.

    Attributes:
        view: whose feature it is.
        feature: its name.
        key: the entity's join keys.
        at: the instant.
        value: what the view, or the frame that was checked, gives.
        knowable: what it gives without the rows that were not known yet; None also where there is no row at all.
        rows: rows of the source, not known at `at`, that made the difference; empty if none was found by itself.
    """

    view: str
    feature: str
    key: Mapping[str, Any]
    at: datetime
    value: Any
    knowable: Any
    rows: pa.Table

    def __str__(self) -> str:
        keys = ", ".join(f"{name}={value!r}" for name, value in self.key.items()) or "all"
        line = (
            f"{self.view}:{self.feature} of {keys} at {self.at.isoformat()}: "
            f"{self.value!r}, knowable was {self.knowable!r}"
        )
        row = self.rows.slice(0, 1).to_pylist()
        return f"{line}\n    because of {row[0]}" if row else line

    def to_dict(self) -> dict[str, Any]:
        """The leak in plain Python, for JSON."""
        return {
            "view": self.view,
            "feature": self.feature,
            "key": dict(self.key),
            "at": self.at,
            "value": self.value,
            "knowable": self.knowable,
            "rows": self.rows.to_pylist(),
        }


@dataclass(frozen=True, slots=True)
class LeakageReport:
    """What a check found.

    Attributes:
        leaks: every value that changed, in the order of views, instants and features.
        values: how many values were compared.
        instants: at how many instants.
    """

    leaks: tuple[Leak, ...]
    values: int
    instants: int
    details: str = field(default="")

    @property
    def clean(self) -> bool:
        """Whether nothing leaks, as far as was looked."""
        return not self.leaks

    def __str__(self) -> str:
        looked = f"{counted(self.values, 'value')} at {counted(self.instants, 'instant')}"
        if self.clean:
            return f"No leak in {looked}."
        by_feature: dict[str, int] = {}
        for leak in self.leaks:
            name = f"{leak.view}:{leak.feature}"
            by_feature[name] = by_feature.get(name, 0) + 1
        lines = [f"{len(self.leaks):,} of {looked} would be different without the future:"]
        lines += [f"  {name}: {counted(count, 'value')}" for name, count in by_feature.items()]
        lines += [f"- {leak}" for leak in self.leaks[:SHOWN]]
        left = len(self.leaks) - SHOWN
        return "\n".join([*lines, *([f"… and {left:,} more"] if left > 0 else [])])


def counted(number: int, what: str) -> str:
    """A number of things, in words that fit it."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
