"""Which events make values move while no new row comes."""

from __future__ import annotations

from featurestore.protocols.offline import Changes, ViewPlan
from featurestore.sources.wanted import effective
from featurestore.windows.decay import DECAYED
from featurestore.windows.series import single_windows

_EVER = -(2**63)


def moving_events(view: ViewPlan, since: int, until: int) -> list[tuple[int, int]]:
    """Spans of event times, later than the one and not later than the other: an entity with an event in one of
    them may have another value at the effective time `until` than at `since`.

    Events enter a window at its end and leave it at its begin; where they decay, they weigh less all the time.
    """
    spans = set()
    if until > since:
        for w in single_windows(view).windows:
            begin = None if w.window is None else w.offset + w.window
            if w.function in DECAYED:
                spans.add((_EVER if begin is None else since - begin, until - w.offset))
            else:
                # What enters a window that ends now becomes visible now, which counts anyway.
                edges = ([w.offset] if w.offset else []) + ([] if begin is None else [begin])
                spans |= {(since - edge, until - edge) for edge in edges}
    return sorted(spans)


def moving_since(view: ViewPlan, at: int, changes: Changes | None) -> list[tuple[int, int]]:
    """`moving_events` between the effective times of an incremental run; none where it is not one."""
    if changes is None:
        return []
    return moving_events(view, effective(changes.since, view.grid), effective(at, view.grid))
