"""Rule 8: pushes and materializations of one view, in the order in which they happen.

The model keeps every pushed row that has survived so far, so what is stored never depends on which of two
pushes came first: it is the newest of the survivors and of the materialized row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from featurestore.definitions.view import FeatureView
from featurestore.testing.oracle.history import existing_rows, latest
from featurestore.testing.oracle.online import Answer, answer
from featurestore.testing.oracle.order import order_key
from featurestore.testing.oracle.rows import Key, Latest, Row
from featurestore.testing.oracle.times import entity_instant


class PushRefusedError(Exception):
    """The law forbids the push."""


@dataclass(frozen=True, slots=True)
class Run:
    """A materialization that has begun: what it read of the source, and up to when."""

    begun: int
    end: int
    rows: Mapping[Key, Latest]


@dataclass(frozen=True, slots=True)
class _Pushed:
    row: Latest
    arrival: int


@dataclass(slots=True)
class PushedView:
    """The online rows of one view."""

    view: FeatureView
    pushed: dict[Key, list[_Pushed]] = field(default_factory=dict)
    materialized: Mapping[Key, Latest] = field(default_factory=dict)
    _steps: int = 0

    def push(self, rows: Sequence[Row], *, now: datetime) -> None:
        """Rows arrive at `now`.

        Raises:
            PushRefusedError: if the view has aggregations, a schedule or a delay, or an event is later than the clock.
        """
        if self.view.aggregations:
            raise PushRefusedError("views with aggregations take no pushes")
        if self.view.schedule is not None or self.view.source.effective_delay:
            raise PushRefusedError("views with a schedule or a delay take no pushes")
        clock = _instant(now)
        read = existing_rows(self.view, rows, None)
        if any(row.event > clock for row in read):
            raise PushRefusedError("an event is later than the clock")
        self._steps += 1
        for row in read:
            known = row if row.created is not None else replace(row, created=clock)
            self.pushed.setdefault(row.key, []).append(_Pushed(known, self._steps))

    def begin(self, rows: Sequence[Row], *, end: datetime) -> Run:
        """A full materialization reads the source as it is now."""
        self._steps += 1
        return Run(self._steps, _instant(end), latest(self.view, rows, end))

    def publish(self, run: Run) -> None:
        """The run becomes visible: pushes survive if their event is later than the run's end or they came
        after it had begun.
        """
        self.materialized = run.rows
        for key, arrived in self.pushed.items():
            self.pushed[key] = [p for p in arrived if p.row.event > run.end or p.arrival > run.begun]

    def read(self, keys: Sequence[Row], *, now: datetime) -> list[Answer]:
        """The answers at `now`."""
        wanted = [tuple(row[k] for k in self.view.join_keys) for row in keys]
        return [answer(self.view, self.stored(key), _instant(now)) for key in wanted]

    def stored(self, key: Key) -> Latest | None:
        """The row that the online store holds for an entity.

        Raises:
            ValueError: if different pushed rows tie in event and created timestamp; the law is silent there.
        """
        best = max((p.row for p in self.pushed.get(key, ())), key=_age, default=None)
        ties = [p.row for p in self.pushed.get(key, ()) if best is not None and _age(p.row) == _age(best)]
        if any(
            order_key(list(tie.values.values())) != order_key(list(ties[0].values.values())) for tie in ties
        ):
            raise ValueError(f"pushed rows of {key} tie")
        materialized = self.materialized.get(key)
        if best is None or materialized is None:
            return best or materialized
        return best if best.event > materialized.event else materialized


def _age(row: Latest) -> tuple[object, ...]:
    return (row.event, order_key(row.created))


def _instant(value: datetime) -> int:
    instant = entity_instant(value)
    if instant is None:
        raise TypeError("expected an instant")
    return instant
