"""All aggregations of a view at all points: piece by piece of entities, side by side on all processors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from featurestore.errors import SourceError
from featurestore.frames.types import arrow_type
from featurestore.protocols.offline import ViewPlan, WindowColumn
from featurestore.windows.arrays import Int64s
from featurestore.windows.chunk import Chunk, Piece, pieces
from featurestore.windows.column import Columns
from featurestore.windows.events import Events, Points, Timeline
from featurestore.windows.integers import SumOverflowError
from featurestore.windows.keyed import compute_any
from featurestore.windows.lives import Lives, existing, lives_of
from featurestore.windows.ranges import Ranges
from featurestore.windows.series import series_joined, single_windows

METHOD = "events sorted by entity and time: the bounds of each window by binary search, its value from blocks of events"
Span = tuple[int | None, int]
EntityName = Callable[[int], str]


@dataclass(frozen=True)
class Answers:
    """The values at each point, and last the values without any input; a column for each aggregation."""

    columns: tuple[pa.Array, ...]

    def at(self, points: Int64s) -> list[pa.Array]:
        """The values at these points; the number of points stands for none."""
        return [column.take(pa.array(points)) for column in self.columns]


def earliest_event(view: ViewPlan, earliest: int | None) -> int | None:
    """Events up to this instant cannot matter to points from `earliest` on; None if all may."""
    longest = [w.window * (w.series or 1) + w.offset for w in view.windows if w.window is not None]
    # An earlier row may be the correction that makes a row of the window go.
    if earliest is None or len(longest) < len(view.windows) or view.source.event_id is not None:
        return None
    return max(earliest - max(longest), -(2**63))


def answer(
    view: ViewPlan, points: Points, chunks: Iterable[Chunk], name: EntityName, *, threads: int
) -> Answers:
    """The values of all aggregations at all points.

    Args:
        view: with aggregations.
        points: in order.
        chunks: together the events of all points' entities, in the order of these.
        name: an entity's key as text, by its code, for messages.
        threads: how many pieces are computed at a time.

    Raises:
        SourceError: if a sum overflows.
    """
    asked = single_windows(view)
    parts: list[list[pa.Array]] = [[] for _ in asked.windows]
    with ThreadPoolExecutor(threads, thread_name_prefix="featurestore-windows") as pool:
        for chunk in chunks:
            tasks = [_Task(asked, chunk, piece, points) for piece in pieces(chunk)]
            # The longest first, so that none is left to be waited for alone.
            longest = sorted(tasks, key=lambda task: -len(task.piece.rows))
            futures = {task.piece.begin: pool.submit(task.run) for task in longest}
            for task in tasks:
                try:
                    found = futures[task.piece.begin].result()
                except SumOverflowError as error:
                    pool.shutdown(cancel_futures=True)
                    raise task.overflow(error, name) from error
                for part, column in zip(parts, found, strict=True):
                    part.append(column)
    left = len(points) - sum(len(column) for column in parts[0])
    columns = []
    for window, part in zip(asked.windows, parts, strict=True):
        columns.append(_joined(window, [*part, _empties(window, left + 1)]))
    return Answers(series_joined(view, columns))


@dataclass(frozen=True)
class _Task:
    """The aggregations of a view over one piece."""

    view: ViewPlan
    chunk: Chunk
    piece: Piece
    all_points: Points

    @property
    def points(self) -> Points:
        """Those of the piece's entities."""
        return self.all_points.select(self.all_points.of_codes(self.piece.begin, self.piece.end))

    def run(self) -> list[pa.Array]:
        """The values at each point."""
        windows, points = self.view.windows, self.points
        if not len(points) or not len(self.piece.rows):
            return [_empties(window, len(points)) for window in windows]
        timeline, events, lives = _sorted_events(self.view, self.chunk, self.piece.rows)
        columns = Columns(events)
        found: dict[int, pa.Array] = {}
        for window, offset in dict.fromkeys((w.window, w.offset) for w in windows):
            numbers = [i for i, w in enumerate(windows) if (w.window, w.offset) == (window, offset)]
            asked = [windows[i] for i in numbers]
            end = max(offset, self.view.delay)
            ranges = timeline.ranges(points, window=window, begin=offset, end=end)
            if lives is None:
                values = [_compute(columns, ranges, each, points.until) for each in asked]
            else:
                values = _compute_living(points, events, lives, ranges, asked)
            found.update(zip(numbers, values, strict=True))
        return [found[i] for i in range(len(windows))]

    def overflow(self, error: SumOverflowError, name: EntityName) -> SourceError:
        """What to tell about a sum that does not fit."""
        entity = name(int(self.points.code[error.range]))
        return SourceError(
            f"View {self.view.label!r}: the sum {error.output!r} of entity {entity} does not fit into 64 bits.",
            hint="Use a shorter window, or leave out the values that are no real ones: where=….",
        )


def _compute(columns: Columns, ranges: Ranges, window: WindowColumn, until: Int64s) -> pa.Array:
    """One aggregation at some instants."""
    try:
        found = compute_any(columns, ranges, window, until)
    except SumOverflowError as error:
        raise SumOverflowError(error.range, window.output) from error
    wanted = arrow_type(window.dtype)
    return found if found.type == wanted else found.cast(wanted)


def _compute_living(
    points: Points, events: Events, lives: Lives, ranges: Ranges, windows: Sequence[WindowColumn]
) -> list[pa.Array]:
    parts: list[list[pa.Array]] = [[] for _ in windows]
    for chosen, alive, own in existing(events, lives, ranges, points):
        columns, until = Columns(alive), points.until[chosen]
        for part, window in zip(parts, windows, strict=True):
            try:
                part.append(_compute(columns, own, window, until))
            except SumOverflowError as error:
                raise SumOverflowError(chosen.start + error.range, error.output) from error
    return [_joined(window, part) for window, part in zip(windows, parts, strict=True)]


def _joined(window: WindowColumn, parts: Sequence[pa.Array]) -> pa.Array:
    return pa.concat_arrays([pa.array([], arrow_type(window.dtype)), *parts])


def _empties(window: WindowColumn, count: int) -> pa.Array:
    empty: object = list(window.empty) if isinstance(window.empty, tuple) else window.empty
    return pa.array([empty], arrow_type(window.dtype)).take(pa.array(np.zeros(count, np.int64)))


def _sorted_events(view: ViewPlan, chunk: Chunk, rows: Int64s) -> tuple[Timeline, Events, Lives | None]:
    code, event = chunk.code[rows], chunk.event[rows]
    created = None if chunk.created is None else chunk.created[rows]
    timeline, order = Timeline.sort(code, event, created)
    if order is not None:
        rows, code, event = rows[order], code[order], event[order]
        created = None if created is None else created[order]
    indices = pa.array(rows)
    inputs = {f.column: column.take(indices) for f, column in zip(view.inputs, chunk.inputs, strict=True)}
    events = Events(code, event, created, inputs)
    if chunk.visible is None:
        return timeline, events, None
    event_id = None if chunk.event_id is None else chunk.event_id.take(indices)
    return timeline, events, lives_of(events, chunk.visible[rows], event_id)


def batches(view: ViewPlan, answers: Answers, of_row: Int64s, size: int) -> Iterator[pa.RecordBatch]:
    """The answers of each entity row, in order."""
    schema = pa.schema([(w.output, arrow_type(w.dtype)) for w in view.windows])
    for begin in range(0, len(of_row), size):
        yield pa.RecordBatch.from_arrays(answers.at(of_row[begin : begin + size]), schema=schema)
