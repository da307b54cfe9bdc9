"""Recompute values with the future cut off at the source, and report those that change.

Each view's values at an instant are taken twice: from all rows, and from the rows that were known then. A
transform that only looks back gives the same both times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from featurestore.definitions.instants import from_microseconds, to_microseconds
from featurestore.definitions.source import Source
from featurestore.leakage.cut import NEVER, Knowable, knowable, shown_rows
from featurestore.leakage.report import Leak, LeakageReport
from featurestore.leakage.values import Values, latest_values
from featurestore.protocols.offline import OfflineEngine, ViewPlan

_PASSES = 3
Change = tuple[tuple[Any, ...], str]


def check_views(
    plans: Sequence[ViewPlan],
    engine: OfflineEngine,
    *,
    samples: int,
    available_at: str | None = None,
    snapshots: Mapping[datetime, Source] | None = None,
) -> LeakageReport:
    """Check views at sampled instants.

    Args:
        plans: of the views, with all features under their own names.
        engine: which computes them.
        samples: at how many instants, spread evenly over the times at which rows became known.
        available_at: a column with the time from which a row was known, where the source does not declare it.
        snapshots: what a source was at some instants; the values then are compared with those of today's source.

    Raises:
        SourceError: if a source cannot be read.
        TransformError: if a transform fails.
    """
    leaks: list[Leak] = []
    compared, instants = 0, 0
    for plan in plans:
        rows = knowable(plan, available_at=available_at)
        full = rows.transformed().all_rows()
        for at, known in _instants(rows, samples, snapshots, plan):
            cut = rows.without_future(_effective(plan, at)) if known is None else rows.over_rows(known)
            before = latest_values(engine, full, at)
            after = latest_values(engine, cut, at)
            compared += len(before.rows) * len(plan.features)
            instants += 1
            changes = [*before.differences(after)]
            if known is None:
                because = _causes(engine, rows, at, after, changes)
            else:
                because = _overwritten(rows, known, at, changes)
            for key, feature in changes:
                found = rows.rows.table.take(pa.array(because.get((key, feature), []), pa.int64()))
                leaks.append(
                    Leak(
                        plan.label,
                        feature.removeprefix(f"{plan.label}__"),
                        dict(zip([k.name for k in plan.keys], key, strict=True)),
                        from_microseconds(at),
                        before.value(key, feature),
                        after.value(key, feature),
                        found,
                    )
                )
    return LeakageReport(tuple(leaks), compared, instants)


def _instants(
    rows: Knowable, samples: int, snapshots: Mapping[datetime, Source] | None, plan: ViewPlan
) -> Iterator[tuple[int, pa.Table | None]]:
    """Instants, and the rows that were there at each; None where the times of the rows say it."""
    if snapshots:
        for when, source in sorted(snapshots.items()):
            yield to_microseconds(when, what="a snapshot's instant"), shown_rows(plan, source).table
        return
    times = np.unique(rows.known[rows.known != NEVER])
    if len(times):
        # Never the last one: nothing comes after it.
        places = np.unique(np.linspace(0, max(len(times) - 2, 0), num=samples + 2).astype(np.int64)[1:-1])
        yield from ((int(at), None) for at in times[places])


def _effective(plan: ViewPlan, at: int) -> int:
    """Up to when a view sees at an instant."""
    if plan.grid is None:
        return at
    grid = plan.grid
    return (at - grid.lag - grid.offset) // grid.every * grid.every + grid.offset


def _causes(
    engine: OfflineEngine, rows: Knowable, at: int, without: Values, changes: Sequence[Change]
) -> dict[Change, list[int]]:
    """For each change the hidden row whose coming makes it: the next one of all, of the entity, or searched for."""
    causes: dict[Change, list[int]] = {}
    seen_until = _effective(rows.plan, at)
    hidden = rows.hidden(seen_until)
    if not len(hidden):
        return causes

    def changed(besides: Sequence[int]) -> set[Change]:
        values = latest_values(engine, rows.without_future(seen_until, besides), at)
        return set(values.differences(without))

    left = set(changes)
    first = [int(hidden[0])]
    causes.update((change, first) for change in changed(first) & left)  # what looks at all rows
    left -= causes.keys()
    for _ in range(_PASSES):  # an entity's features may change with different rows
        own = _own_causes(_numbers_of_each(rows, hidden, left), left, changed)
        causes.update(own)
        left -= own.keys()
        if not own:
            break
    if left:
        wanted = min(left, key=str)
        last = _first_that(lambda count: wanted in changed(hidden[:count].tolist()), len(hidden))
        found = (left & changed(hidden[:last].tolist())) | {wanted}
        causes.update((change, [int(hidden[last - 1])]) for change in found)
    return causes


def _first_that(holds: Callable[[int], bool], most: int) -> int:
    """The least count for which something holds, as it does for the most."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _own_causes(
    hidden: Mapping[tuple[Any, ...], list[int]],
    changes: set[Change],
    changed: Callable[[Sequence[int]], set[Change]],
) -> dict[Change, list[int]]:
    """The entity's own hidden row that makes each change: searched for in all entities at once."""
    bounds = {key: (0, len(numbers)) for key, numbers in hidden.items()}
    while any(high - low > 1 for low, high in bounds.values()):
        middles = {key: (low + high) // 2 for key, (low, high) in bounds.items()}
        shown = [number for key, numbers in hidden.items() for number in numbers[: middles[key]]]
        flipped = {key for key, _ in changed(shown) & changes}
        bounds = {
            key: (low, max(middles[key], low + 1)) if key in flipped else (middles[key], high)
            for key, (low, high) in bounds.items()
        }
    causes = {key: hidden[key][high - 1] for key, (_, high) in bounds.items()}
    shown = [number for key, numbers in hidden.items() for number in numbers[: bounds[key][1]]]
    return {
        (key, f): [causes[key]] for key, f in (changed(shown) & changes if shown else ()) if key in causes
    }


def _overwritten(
    rows: Knowable, was: pa.Table, at: int, changes: Sequence[Change]
) -> dict[Change, list[int]]:
    """For each change the entity's latest row that was not there, as it is now, in the snapshot."""
    visible = np.flatnonzero(rows.known <= _effective(rows.plan, at))
    there = set(map(repr, was.select(rows.rows.table.schema.names).to_pylist()))
    of_each = _numbers_of_each(rows, visible[np.argsort(rows.known[visible], kind="stable")], set(changes))
    causes: dict[Change, list[int]] = {}
    for key, feature in changes:
        numbers = reversed(of_each.get(key, []))
        new = (n for n in numbers if repr(rows.rows.table.slice(n, 1).to_pylist()[0]) not in there)
        causes[key, feature] = [number for number in (next(new, None),) if number is not None]
    return causes


def _numbers_of_each(rows: Knowable, numbers: Any, changes: set[Change]) -> dict[tuple[Any, ...], list[int]]:
    """Of these rows those of each entity whose values change, where the source has the join keys."""
    names = [key.name for key in rows.plan.keys]
    table = rows.rows.table
    if not names or not changes or any(name not in table.schema.names for name in names):
        return {}
    wanted = {key for key, _ in changes}
    found: dict[tuple[Any, ...], list[int]] = {}
    columns = [table.column(name).take(pa.array(numbers)).to_pylist() for name in names]
    for number, key in zip(numbers.tolist(), zip(*columns, strict=True), strict=True):
        if key in wanted:
            found.setdefault(key, []).append(number)
    return found
