"""Frames that were made elsewhere: each cell against what was knowable at its row's time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from featurestore.adapters import open_engine
from featurestore.definitions.base import Definition
from featurestore.definitions.instants import from_microseconds
from featurestore.definitions.view import FeatureView
from featurestore.errors import RequestError
from featurestore.frames.convert import to_arrow_table
from featurestore.frames.times import ENTITY_TIME, time_column
from featurestore.leakage.cut import knowable
from featurestore.leakage.report import Leak, LeakageReport
from featurestore.leakage.values import same
from featurestore.planning.historical import historical_features
from featurestore.planning.point_in_time import plan_view
from featurestore.planning.request import resolve_request


def check_frame(
    frame: Any,
    sources: Sequence[FeatureView],
    *,
    event_timestamp: str = "event_timestamp",
    timezone: str = "UTC",
    engine: str = "duckdb",
    root: str | Path = ".",
) -> LeakageReport:
    """Compare the features in a frame, wherever it was made, with what was knowable at each row's time.

    Args:
        frame: entity rows with join keys, a time column, and features in columns called ``feature`` or
            ``view__feature``.
        sources: the feature views that the columns should hold; each says its source, keys and times.
        event_timestamp: the time column.
        timezone: zone of naive times in it.
        engine: ``duckdb`` or ``polars``.
        root: the folder where relative paths of sources start.

    Returns:
        Every cell that differs; `Leak.rows` holds the rows of the source from which its value can be, if there are
        some that were not known yet.

    Raises:
        RequestError: if the frame holds no feature of the views, or something else than views is given.
        EntityDataError: if a key or the time is missing or of the wrong type.
        SourceError: if a source lacks what a view wants of it.
    """
    given = to_arrow_table(frame, what="the frame")
    _check_views(sources)
    leaks: list[Leak] = []
    compared = 0
    found = False
    for view in sources:
        columns = _columns(view, given.schema.names)
        if not columns:
            continue
        found = True
        keys = list(view.join_keys)
        rows = given.select([name for name in (*keys, event_timestamp) if name in given.schema.names])
        truth = historical_features(
            rows,
            resolve_request([view[list(columns)]], None, full_feature_names=True),
            engine=open_engine(engine),
            root=Path(root).resolve(),
            event_timestamp=event_timestamp,
            timezone=timezone,
            as_of=None,
            personal=frozenset,
        ).to_arrow()
        times = time_column(rows.column(event_timestamp), timezone, name=event_timestamp, reading=ENTITY_TIME)
        compared += len(columns) * given.num_rows
        later = LaterRows.of(view, root=Path(root).resolve())
        for feature, column in columns.items():
            leaks += _differences(view, feature, given.column(column), truth, times, later)
    if not found:
        names = ", ".join(view.name for view in sources)
        raise RequestError(
            f"The frame holds no feature of {names or 'any view'}; it has: {', '.join(given.schema.names)}.",
            hint="Columns are called like the features, or view__feature.",
        )
    return LeakageReport(tuple(leaks), compared, len(pc.unique(given.column(event_timestamp))))


def _check_views(sources: object) -> None:
    items = [sources] if isinstance(sources, str | Definition) else cast("Sequence[object]", sources)
    other = next((item for item in items if not isinstance(item, FeatureView)), None)
    if other is not None or items is not sources:
        wrong = items[0] if other is None else other
        raise RequestError(
            f"check_frame takes a list of feature views, found {type(wrong).__name__}.",
            hint="Give the views themselves, such as [punctuality]; only features that the frame holds are compared.",
        )


def _columns(view: FeatureView, names: Sequence[str]) -> dict[str, str]:
    """The features of a view that a frame holds, and in which columns."""
    found: dict[str, str] = {}
    for feature in view.features:
        for column in (f"{view.name}__{feature.name}", feature.name):
            if column in names:
                found.setdefault(feature.name, column)
    return found


def _differences(
    view: FeatureView,
    feature: str,
    given: pa.ChunkedArray,
    truth: pa.Table,
    times: pa.ChunkedArray,
    later: LaterRows,
) -> list[Leak]:
    values, right = given.to_pylist(), truth.column(f"{view.name}__{feature}").to_pylist()
    wrong = [row for row, (one, two) in enumerate(zip(values, right, strict=True)) if not same(one, two)]
    picked = pa.array(wrong, pa.int64())
    keys = truth.select(list(view.join_keys)).take(picked).to_pylist()
    instants = [at or 0 for at in times.take(picked).to_pylist()]
    column = view.feature(feature).column
    return [
        Leak(
            view.name,
            feature,
            key,
            from_microseconds(at),
            values[row],
            right[row],
            later.with_value(key, column, values[row], at),
        )
        for row, key, at in zip(wrong, keys, instants, strict=True)
    ]


@dataclass(frozen=True)
class LaterRows:
    """The rows that a view's features are read from, to find the ones that a value can be from."""

    table: pa.Table
    known: Any
    names: tuple[str, ...]

    @classmethod
    def of(cls, view: FeatureView, *, root: Path) -> LaterRows:
        """The rows of a view."""
        request = resolve_request([view], None)
        plan = plan_view(request.views[0], root=root)
        rows = knowable(plan).transformed()
        return cls(rows.rows.table, rows.known, tuple(view.join_keys))

    @cached_property
    def _by_key(self) -> dict[tuple[Any, ...], list[int]]:
        found: dict[tuple[Any, ...], list[int]] = {}
        columns = [self.table.column(name).to_pylist() for name in self.names]
        for number, key in enumerate(zip(*columns, strict=True) if columns else [()] * self.table.num_rows):
            found.setdefault(key, []).append(number)
        return found

    def with_value(self, key: dict[str, Any], column: str, value: Any, at: int) -> pa.Table:
        """The first row of the entity with this value that was not known yet."""
        numbers = self._by_key.get(tuple(key[name] for name in self.names), [])
        numbers = sorted((n for n in numbers if self.known[n] > at), key=lambda n: int(self.known[n]))
        found = next((n for n in numbers if same(self.table.column(column)[n].as_py(), value)), None)
        return self.table.slice(found or 0, 0 if found is None else 1)
