"""Pushed rows and materializations: which of them survive a run (law of time, rule 8).

A pushed row survives a run iff its event is later than the run's end, or it was pushed after the run
began. Runs are numbered, and a push carries the number of the latest run that had begun; so no two
clocks are compared.
"""

from __future__ import annotations

from featurestore.online.header import read_header
from featurestore.online.layout import ViewLayout
from featurestore.protocols.online import OnlineStore, PushedWrite, SpaceKeys
from featurestore.protocols.records import Run


def pushed_entities(online: OnlineStore, space: bytes) -> set[bytes]:
    """Keys of the entities whose stored row was pushed: an incremental run has to look at them too."""
    found: set[bytes] = set()
    for keys in online.pushed_keys(space=space):
        rows = online.read(requests=[SpaceKeys(space, keys)])
        found.update(key for key, row in zip(keys, rows, strict=True) if row and read_header(row).pushed)
    return found


def carry_over_pushed(online: OnlineStore, layout: ViewLayout, run: Run, *, old: int) -> None:
    """Copy the pushed rows that survive a full run from the published generation to the new one.

    Pushes that come after the run has begun go to both generations, so none falls between them.
    """
    space = layout.space(old)
    for keys in online.pushed_keys(space=space):
        rows = online.read(requests=[SpaceKeys(space, keys)])
        kept = {}
        for key, row in zip(keys, rows, strict=True):
            header = read_header(row) if row else None
            if header is not None and row and header.pushed and _survives(header.event, header.written, run):
                kept[key] = row
        if kept:
            online.write(
                spaces=[layout.space(run.generation)],
                keys=list(kept),
                rows=list(kept.values()),
                rule=PushedWrite(),
                keep_for=layout.keep_for,
            )


def _survives(event: int, written: int, run: Run) -> bool:
    return event > run.end_us or written >= run.number
