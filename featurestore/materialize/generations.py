"""Which generations of a view version lie in the online store: a mark for each, beside their rows.

The registry knows what was published. It cannot know whether a process has died between that and giving the
generation before back, nor whether the online store has lost rows since: it was flushed, started anew without
what it held, or has failed over to a replica that had not received everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from featurestore.online.header import FINGERPRINT_SIZE, SIGN, Header, read_header, write_header
from featurestore.online.layout import ViewLayout
from featurestore.protocols.online import MaterializedWrite, OnlineStore
from featurestore.protocols.records import Run, RunKind, ViewState
from featurestore.protocols.registry import RegistryReader

GRACE = timedelta(minutes=2)
"""How long a replaced generation stays readable: longer than any process goes without looking."""
_NOTHING_YET = -SIGN
_RUNS = 1_000
"""How many runs of the view are looked through for generations that were not given back."""


@dataclass(frozen=True)
class Generations:
    """The generations of one view version in the online store; see `ViewLayout.marks`."""

    online: OnlineStore
    layout: ViewLayout

    def begin(self, run: Run) -> None:
        """Mark that a run will write rows of a new generation."""
        self._mark(run, _NOTHING_YET)

    def end(self, run: Run) -> None:
        """Mark that all rows of a run are written."""
        self._mark(run, run.end_us)

    def holds(self, state: ViewState) -> bool:
        """Whether the online store has what was published: all rows up to the watermark."""
        if state.generation is None or state.watermark_us is None:
            return False
        (mark,) = self._marks([state.generation])
        return mark is not None and read_header(mark).event >= state.watermark_us

    def marked(self, registry: RegistryReader) -> set[int]:
        """All generations of which there may be rows, as far as the view's runs are looked through."""
        view, version = self.layout.view.name, self.layout.version
        runs = registry.runs(project=self.layout.project, view=view, limit=_RUNS)
        begun = [run.generation for run in runs if run.version == version and run.kind is RunKind.FULL]
        return {number for number, mark in zip(begun, self._marks(begun), strict=True) if mark is not None}

    def give_back(self, generations: Iterable[int]) -> None:
        """Let the rows of generations that are not served any more be reclaimed."""
        for generation in generations:
            self.online.retire(space=self.layout.space(generation), keep_for=GRACE)
            # Only now: should this process die before, the next full run does it again.
            mark = self.layout.marks([generation])
            self.online.delete(spaces=[mark.space], keys=mark.keys)

    def _marks(self, generations: list[int]) -> list[bytes | None]:
        return self.online.read(requests=[self.layout.marks(generations)])

    def _mark(self, run: Run, until: int) -> None:
        mark = self.layout.marks([run.generation])
        header = Header(False, bytes(FINGERPRINT_SIZE), until, None, run.number)
        self.online.write(
            spaces=[mark.space],
            keys=mark.keys,
            rows=[write_header(header)],
            rule=MaterializedWrite(run=run.number, end=run.end_us),
            keep_for=None,
        )
