"""Which rows of a source can matter to a request: what connectors push down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.row_sql import parse_select
from featurestore.definitions.steps import Conditions, Rename, Select, Shape, Step
from featurestore.protocols.offline import TIME_COLUMN, Changes, Grid, ViewPlan
from featurestore.protocols.sources import EVERY_ROW, ChangedEntities, WantedRows

NO_ROW = WantedRows(first=0)
# Keys beyond this number are sent in vain: most of the source is read anyway, and the query gets long.
MAX_KEYS = 100_000


def rows_of_entities(view: ViewPlan, entities: pa.Table) -> WantedRows:
    """The rows that any of the entity rows may see (see `OfflineEngine.historical_features`)."""
    if not _row_by_row(view.steps):
        return EVERY_ROW
    times = pc.min_max(entities.column(TIME_COLUMN)).as_py()
    if times["max"] is None:
        return NO_ROW
    found = entities.select([key.entity_column for key in view.keys])
    return _restricted(
        view,
        earliest=_earliest(view, times["min"]),
        latest=effective(times["max"], view.grid) - view.delay,
        keys=found.rename_columns([key.name for key in view.keys]),
    )


def _earliest(view: ViewPlan, since: int) -> int | None:
    """The earliest event timestamp that matters to instants from `since` on; None if all do."""
    # A row that is too old can only lose, but as the correction of an event it makes another one disappear.
    if view.source.event_id is not None:
        return None
    if not view.windows:
        return None if view.ttl is None else since - view.ttl
    windows = [w.window * (w.series or 1) + w.offset for w in view.windows if w.window is not None]
    return effective(since, view.grid) - max(windows) if len(windows) == len(view.windows) else None


def rows_at(
    view: ViewPlan,
    at: int,
    changes: Changes | None,
    keys: pa.Table | None,
    *,
    moving: Sequence[tuple[int, int]] = (),
) -> WantedRows:
    """The rows that may be some entity's latest, or in its windows (see `OfflineEngine.latest_features`).

    Args:
        view: the view.
        at: the instant.
        changes: which entities have changed.
        keys: which are asked for.
        moving: spans of event timestamps that change an entity while no new row comes.
    """
    if not _row_by_row(view.steps):
        return EVERY_ROW
    latest = effective(at, view.grid) - view.delay
    given = None if keys is None else keys.select([key.name for key in view.keys])
    if changes is None:
        return _restricted(view, earliest=None, latest=latest, keys=given)
    rows = _restricted(view, earliest=None, latest=latest, keys=None)
    return (
        rows if rows == EVERY_ROW else replace(rows, changed=_changed(view, latest, changes, given, moving))
    )


def _changed(
    view: ViewPlan,
    latest: int,
    changes: Changes,
    given: pa.Table | None,
    moving: Sequence[tuple[int, int]],
) -> ChangedEntities | None:
    """The entities that have changed, where they can be told from the source's own columns."""
    origins = [origin_of(key.name, view.steps) for key in view.keys]
    roles = (view.source.created_timestamp, view.source.available_at)
    own = all(name is None or origin_of(name, view.steps) == view.source.own_column(name) for name in roles)
    besides = _origin_keys(view, given)
    named = tuple(name for name in origins if name is not None)
    if not own or len(named) < len(origins) or not named or (given is not None and besides is None):
        return None
    since = effective(changes.since, view.grid)
    spans = ((since - view.delay, latest), *moving)
    return ChangedEntities(named, spans, changes.known_after, min(changes.known_after, since), besides)


def _restricted(view: ViewPlan, *, earliest: int | None, latest: int, keys: pa.Table | None) -> WantedRows:
    wanted = _origin_keys(view, keys)
    if origin_of(view.source.event_timestamp, view.steps) != view.source.own_column(
        view.source.event_timestamp
    ):
        return WantedRows(keys=wanted)
    return WantedRows(earliest=earliest, latest=latest, keys=wanted)


def _origin_keys(view: ViewPlan, keys: pa.Table | None) -> pa.Table | None:
    """The distinct keys under the names of the source's columns, as far as these are keys as they are."""
    if keys is None or not view.keys:
        return None
    origins = {key.name: origin_of(key.name, view.steps) for key in view.keys}
    plain = {name: origin for name, origin in origins.items() if origin is not None}
    if not plain or len(set(plain.values())) < len(plain):
        return None
    distinct = keys.select(list(plain)).drop_null().group_by(list(plain)).aggregate([])
    if distinct.num_rows > MAX_KEYS:
        return None
    return distinct.rename_columns([plain[name] for name in distinct.schema.names])


def _row_by_row(steps: Sequence[Step]) -> bool:
    """Whether leaving out rows of the source leaves out rows of the result, and does nothing else."""
    return all(
        isinstance(step, Shape | Rename | Conditions) or (isinstance(step, Select) and step.row_local)
        for step in steps
    )


def origin_of(name: str, steps: Sequence[Step]) -> str | None:
    """The column of the source that a column after all steps is, as it is; None if it is made of others."""
    found: str | None = name
    for step in reversed(steps):
        if found is None:
            return None
        found = _before(found, step)
    return found


def _before(name: str, step: Step) -> str | None:
    if isinstance(step, Shape):
        return None if name in step.computed or name == step.unnest else step.mapping.get(name, name)
    if isinstance(step, Conditions):
        return None if name in step.columns else name
    if isinstance(step, Rename):
        return next((column for new, column, _ in step.columns if new == name), name)
    if isinstance(step, Select):
        select = parse_select(step.sql)
        return select.plain.get(name) if name in select.outputs else name
    return None


def effective(time: int, grid: Grid | None) -> int:
    """The effective time of an instant."""
    if grid is None:
        return time
    return (time - grid.lag - grid.offset) // grid.every * grid.every + grid.offset
