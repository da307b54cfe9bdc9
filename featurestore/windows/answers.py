"""All aggregations of a view at all points: chunk by chunk of entities, then spread over the entity rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from featurestore.errors import SourceError
from featurestore.frames.types import arrow_type
from featurestore.protocols.offline import ViewPlan, WindowColumn
from featurestore.windows.arrays import Int64s, Mask
from featurestore.windows.column import Columns
from featurestore.windows.events import (
    CODE,
    CREATED,
    EVENT,
    EVENT_ID,
    NO_CREATED,
    VISIBLE,
    Events,
    Points,
    Timeline,
    sort_order,
)
from featurestore.windows.integers import SumOverflowError
from featurestore.windows.keyed import compute_any
from featurestore.windows.lives import Lives, existing, lives_of
from featurestore.windows.ranges import Ranges
from featurestore.windows.series import series_joined, single_windows

Span = tuple[int | None, int]
EntityName = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The events of some entities, in any order.

    Attributes:
        end: the codes are lower than this, and not lower than the `end` of the chunk before.
        rows: columns `CODE` and `EVENT`; `CREATED`, `VISIBLE` and `EVENT_ID` where `needed_columns` says so; the
            columns of ``view.inputs`` as v0, v1 and so on, of their types.
    """

    end: int
    rows: pa.Table


@dataclass(frozen=True)
class Answers:
    """The values at each point, and last the values without any input; a column for each aggregation."""

    columns: tuple[pa.Array, ...]

    def at(self, points: Int64s) -> list[pa.Array]:
        """The values at these points; the number of points stands for none."""
        return [column.take(pa.array(points)) for column in self.columns]


def needs_lives(view: ViewPlan) -> bool:
    """Whether rows come late or go, so that an instant is not simply one position in the order of events."""
    return view.source.available_at is not None or view.source.event_id is not None


def earliest_event(view: ViewPlan, earliest: int | None) -> int | None:
    """Events up to this instant cannot matter to points from `earliest` on; None if all may."""
    longest = [w.window * (w.series or 1) + w.offset for w in view.windows if w.window is not None]
    # An earlier row may be the correction that makes a row of the window go.
    if earliest is None or len(longest) < len(view.windows) or view.source.event_id is not None:
        return None
    return max(earliest - max(longest), -(2**63))


def answer(view: ViewPlan, points: Points, chunks: Iterable[Chunk], name: EntityName) -> Answers:
    """The values of all aggregations at all points.

    Args:
        view: with aggregations.
        points: in order.
        chunks: together the events of all points' entities.
        name: an entity's key as text, by its code, for messages.

    Raises:
        SourceError: if a sum overflows.
    """
    asked = single_windows(view)
    parts: list[list[pa.Array]] = [[] for _ in asked.windows]
    begin = 0
    for chunk in chunks:
        chosen = points.of_codes(begin, chunk.end)
        begin = chunk.end
        found = _answer_chunk(asked, points.select(chosen), chunk.rows, name)
        for part, column in zip(parts, found, strict=True):
            part.append(column)
    left = len(points) - sum(len(column) for column in parts[0])
    columns = []
    for window, part in zip(asked.windows, parts, strict=True):
        columns.append(_joined(window, [*part, _empties(window, left + 1)]))
    return Answers(series_joined(view, columns))


def _answer_chunk(view: ViewPlan, points: Points, rows: pa.Table, name: EntityName) -> list[pa.Array]:
    if not len(points) or not rows.num_rows:
        return [_empties(window, len(points)) for window in view.windows]
    events, lives = _sorted_events(view, rows)
    timeline, asked = Timeline.of(events), _Asked(view, points, name)
    columns = Columns(events)
    found: dict[int, pa.Array] = {}
    for span in dict.fromkeys((w.window, w.offset) for w in view.windows):
        numbers = [i for i, w in enumerate(view.windows) if (w.window, w.offset) == span]
        windows = [view.windows[i] for i in numbers]
        ranges = _ranges(view, timeline, points, span)
        if lives is None:
            values = [asked.compute(columns, ranges, window) for window in windows]
        else:
            values = _compute_living(asked, events, lives, ranges, windows)
        found.update(zip(numbers, values, strict=True))
    return [found[i] for i in range(len(view.windows))]


def _ranges(view: ViewPlan, timeline: Timeline, points: Points, span: Span) -> Ranges:
    window, offset = span
    return timeline.ranges(points, window=window, begin=offset, end=max(offset, view.delay))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Points of one view, and how their entities are called."""

    view: ViewPlan
    points: Points
    name: EntityName

    def compute(self, columns: Columns, ranges: Ranges, window: WindowColumn) -> pa.Array:
        """One aggregation at each of the points."""
        try:
            found = compute_any(columns, ranges, window, self.points.until)
        except SumOverflowError as error:
            entity = self.name(int(self.points.code[error.range]))
            raise SourceError(
                f"View {self.view.label!r}: the sum {window.output!r} of entity {entity} does not fit into 64 bits.",
                hint="Use a shorter window, or leave out the values that are no real ones: where=….",
            ) from error
        wanted = arrow_type(window.dtype)
        return found if found.type == wanted else found.cast(wanted)


def _compute_living(
    asked: _Asked, events: Events, lives: Lives, ranges: Ranges, windows: Sequence[WindowColumn]
) -> list[pa.Array]:
    parts: list[list[pa.Array]] = [[] for _ in windows]
    for chosen, alive, own in existing(events, lives, ranges, asked.points):
        columns = Columns(alive)
        some = _Asked(asked.view, asked.points.select(chosen), asked.name)
        for part, window in zip(parts, windows, strict=True):
            part.append(some.compute(columns, own, window))
    return [_joined(window, part) for window, part in zip(windows, parts, strict=True)]


def _joined(window: WindowColumn, parts: Sequence[pa.Array]) -> pa.Array:
    return pa.concat_arrays([pa.array([], arrow_type(window.dtype)), *parts])


def _empties(window: WindowColumn, count: int) -> pa.Array:
    empty: object = list(window.empty) if isinstance(window.empty, tuple) else window.empty
    return pa.array([empty], arrow_type(window.dtype)).take(pa.array(np.zeros(count, np.int64)))


def _sorted_events(view: ViewPlan, rows: pa.Table) -> tuple[Events, Lives | None]:
    code, event = _int64s(rows.column(CODE)), _int64s(rows.column(EVENT))
    created = None
    if view.source.created_timestamp is not None:
        created = _int64s(rows.column(CREATED).fill_null(NO_CREATED))
    order = sort_order(code, event, created)
    indices = pa.array(order)
    events = Events(
        code[order],
        event[order],
        None if created is None else created[order],
        {f.column: _taken(rows.column(f"v{i}"), indices) for i, f in enumerate(view.inputs)},
    )
    if not needs_lives(view):
        return events, None
    visible = _int64s(rows.column(VISIBLE))[order]
    event_id = None if view.source.event_id is None else _taken(rows.column(EVENT_ID), indices)
    return events, lives_of(events, visible, event_id)


def _int64s(column: pa.ChunkedArray) -> Int64s:
    values: Int64s = column.to_numpy().astype(np.int64, copy=False)
    return values


def _taken(column: pa.ChunkedArray, indices: pa.Array) -> pa.Array:
    return column.combine_chunks().take(indices)


@dataclass(frozen=True)
class Spine:
    """Entity rows as points.

    Attributes:
        points: each once, in order.
        of_row: for each entity row the number of its point; the number of points where it has none.
    """

    points: Points
    of_row: Int64s

    @classmethod
    def of(cls, code: Int64s, until: Int64s, known: Mask) -> Spine:
        """Of the entity rows' codes and instants, as far as they are known."""
        asked = np.flatnonzero(known)
        code, until = code[asked], until[asked]
        order = sort_order(code, until, None) if len(asked) else asked
        code, until = code[order], until[order]
        new = np.ones(len(order), np.bool_)
        new[1:] = (code[1:] != code[:-1]) | (until[1:] != until[:-1])
        points = Points(code[new], until[new])
        of_row = np.full(len(known), len(points), np.int64)
        of_row[asked[order]] = np.cumsum(new) - 1
        return cls(points, of_row)


def batches(view: ViewPlan, answers: Answers, of_row: Int64s, size: int) -> Iterator[pa.RecordBatch]:
    """The answers of each entity row, in order."""
    schema = pa.schema([(w.output, arrow_type(w.dtype)) for w in view.windows])
    for begin in range(0, len(of_row), size):
        yield pa.RecordBatch.from_arrays(answers.at(of_row[begin : begin + size]), schema=schema)
