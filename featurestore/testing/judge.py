"""An engine against the oracle, on one generated case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from featurestore.definitions.view import FeatureView
from featurestore.errors import SourceError
from featurestore.frames.times import ENTITY_TIME, time_column
from featurestore.frames.types import arrow_type
from featurestore.protocols.offline import (
    CREATED_COLUMN,
    EVENT_COLUMN,
    TIME_COLUMN,
    VISIBLE_COLUMN,
    Changes,
    OfflineEngine,
    ViewPlan,
)
from featurestore.testing import oracle
from featurestore.testing.compare import assert_rows, by_key, key_id, same
from featurestore.testing.plans import key_table, run_historical, run_latest, run_visible
from featurestore.testing.strategies import Case, Request

_ROW_TIMES = (EVENT_COLUMN, CREATED_COLUMN, VISIBLE_COLUMN)


def check_historical(engine: OfflineEngine, case: Case) -> None:
    """The engine's training frame is the oracle's.

    Raises:
        AssertionError: naming the first row and column that differ.
    """
    try:
        expected = expected_frame(case)
    except oracle.SumOverflowError:
        with pytest.raises(SourceError, match="does not fit into 64 bits"):
            run_historical(engine, case.plans, case_entities(case))
        return
    assert_rows(run_historical(engine, case.plans, case_entities(case)), expected)


def expected_frame(case: Case) -> list[dict[str, object]]:
    """The oracle's training frame: all requests side by side."""
    expected: list[dict[str, object]] = [{} for _ in case.entities]
    for request in case.requests:
        prefix = "" if request.label is None else f"{request.label}__"
        values = oracle.historical(
            request.view,
            case.rows,
            case.entities,
            timezone=case.entity_zone,
            as_of=case.as_of,
            join_keys=request.join_keys,
            features=request.features,
        )
        for row, result in zip(values, expected, strict=True):
            result.update({prefix + name: value for name, value in row.items()})
    return expected


def case_entities(case: Case) -> pa.Table:
    """The entity rows of a case as engines get them."""
    types = {key.entity_column: arrow_type(key.dtype) for plan in case.plans for key in plan.keys}
    columns = {name: pa.array([row[name] for row in case.entities], dtype) for name, dtype in types.items()}
    times = pa.chunked_array([case.entity_times])
    instants = time_column(times, case.entity_zone, name="event_timestamp", reading=ENTITY_TIME)
    return pa.table({**columns, TIME_COLUMN: instants})


def check_latest(engine: OfflineEngine, case: Case) -> None:
    """Every entity's row at an instant is the oracle's; so are the rows of some keys, and of changed entities.

    Raises:
        AssertionError: naming what differs.
    """
    request = case.requests[-1]
    plan, until = request.plan(case.as_of), max(case.at)
    at = oracle.from_instant(until)
    try:
        expected = oracle.latest(request.view, case.rows, at, as_of=case.as_of, features=request.features)
    except oracle.SumOverflowError:
        with pytest.raises(SourceError, match="does not fit into 64 bits"):
            run_latest(engine, plan, at=until)
        return
    everything = by_key(run_latest(engine, plan, at=until), _names(plan))
    _assert_same(everything, expected, request, plan, set(expected))
    asked = _asked_keys(case, plan)
    if plan.keys:
        some = by_key(run_latest(engine, plan, at=until, keys=_key_rows(plan, asked)), _names(plan))
        _assert_same(some, expected, request, plan, {key for key in expected if key in asked})
    _check_changes(engine, case, plan, expected)


def check_visible(engine: OfflineEngine, case: Case) -> None:
    """The visible rows at an instant are the oracle's.

    Raises:
        AssertionError: if they are not.
    """
    request = case.requests[-1]
    plan, until = request.plan(case.as_of), max(case.at)
    # Of equal rows of one event any one is there, and they may have become visible at different times.
    times = _ROW_TIMES if plan.source.event_id is None else _ROW_TIMES[:2]
    found = run_visible(engine, plan, at=until).to_pylist()
    rows = oracle.visible_rows(request.view, case.rows, oracle.from_instant(until), as_of=case.as_of)
    expected = [(key_id(row.key), row.event, row.created, row.visible_from(plan.delay)) for row in rows]
    assert Counter(
        (key_id(tuple(row[name] for name in _names(plan))), *(row[time] for time in times)) for row in found
    ) == Counter(row[: 1 + len(times)] for row in expected)


def _check_changes(
    engine: OfflineEngine, case: Case, plan: ViewPlan, expected: Mapping[Any, oracle.Latest]
) -> None:
    """Entities that must be looked at are there; those of which no row at all has changed are not."""
    request, until = case.requests[-1], max(case.at)
    since = known_after = min(case.at)
    asked = _asked_keys(case, plan)[:1] if plan.keys else []
    changes = Changes(since=since, known_after=known_after)
    keys = _key_rows(plan, asked) if asked else None
    found = by_key(run_latest(engine, plan, at=until, changes=changes, keys=keys), _names(plan))
    changed = partial(
        oracle.changed,
        _requested_view(request),
        case.rows,
        since=since,
        known_after=known_after,
        as_of=case.as_of,
    )
    least, most = changed(until=until) | set(asked), changed() | set(asked)
    chosen = {key for key in expected if key_id(key) in found}
    assert {key for key in expected if key in least} <= chosen, f"changed, but left out: {least - chosen}"
    assert chosen <= most, f"not changed, but there: {chosen - most}"
    _assert_same(found, expected, request, plan, chosen)


def _requested_view(request: Request) -> FeatureView:
    """The view; of aggregations only those that are asked for, because each has its own windows."""
    view = request.view
    if not view.aggregations:
        return view
    return view.model_copy(update={"features": tuple(view.feature(name) for name in request.features)})


def _asked_keys(case: Case, plan: ViewPlan) -> list[tuple[object, ...]]:
    """Keys of the entity rows, duplicates and nulls included; None in a key is no entity."""
    return [tuple(row[key.entity_column] for key in plan.keys) for row in case.entities]


def _key_rows(plan: ViewPlan, keys: Sequence[tuple[object, ...]]) -> pa.Table:
    return key_table(plan, [dict(zip(_names(plan), key, strict=True)) for key in keys])


def _names(plan: ViewPlan) -> Sequence[str]:
    return [key.name for key in plan.keys]


def _assert_same(
    found: Mapping[tuple[object, ...], Mapping[str, Any]],
    expected: Mapping[Any, oracle.Latest],
    request: Request,
    plan: ViewPlan,
    keys: set[Any],
) -> None:
    wanted = {key_id(key): expected[key] for key in keys}
    assert set(found) == set(wanted), f"expected the entities {list(wanted)}, found {list(found)}"
    for key, row in wanted.items():
        values = {o.output: row.values[name] for o, name in zip(plan.features, request.features, strict=True)}
        values |= {EVENT_COLUMN: row.event, CREATED_COLUMN: row.created}
        for name, value in values.items():
            assert same(found[key][name], value), (
                f"entity {key}, column {name!r}: expected {value!r}, found {found[key][name]!r}"
            )
