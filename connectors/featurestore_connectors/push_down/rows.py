"""Entity rows and keys, as the statements know them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from featurestore.protocols.offline import TIME_COLUMN, Grid, ViewPlan
from featurestore.protocols.sources import WantedRows
from featurestore_connectors.push_down.dialect import Dialect
from featurestore_connectors.push_down.keys import key_names
from featurestore_connectors.push_down.windows import longest

_EARLIEST = -(2**61)  # no database has such times, and windows before them stay within 64 bits


def sent_rows(view: ViewPlan, entities: pa.Table, dialect: Dialect) -> tuple[pa.Table, WantedRows]:
    """The entity rows as the statement of a view wants them, and which rows of the source they can see."""
    return (window_rows if view.windows else entity_rows)(view, entities, dialect)


def entity_rows(view: ViewPlan, entities: pa.Table, dialect: Dialect) -> tuple[pa.Table, WantedRows]:
    """The entity rows: nr, k0, …, until (what each sees), oldest (what has not expired); and what they can see."""
    time = entities.column(TIME_COLUMN).combine_chunks()
    present = np.asarray(time.is_valid())
    times = np.asarray(time.fill_null(0))
    until, possible = _until(times, view.grid, dialect.earliest)
    known = present & possible
    data: dict[str, Any] = {"nr": pa.array(np.arange(len(times), dtype=np.int64))}
    data |= _keys(view, entities, dialect)
    data["until"] = dialect.sent_instants(until, ~known)
    oldest, young = _minus(times, view.ttl or 0, dialect.earliest)
    absent = ~(known & young) if view.ttl else np.ones(len(times), np.bool_)
    data["oldest"] = dialect.sent_instants(oldest, absent)
    if not known.any():
        return pa.table(data), WantedRows(latest=dialect.earliest)
    expires = view.ttl is not None and view.source.event_id is None and bool(young[known].all())
    return pa.table(data), WantedRows(
        earliest=int(oldest[known].min()) if expires else None, latest=int(until[known].max()) - view.delay
    )


def window_rows(view: ViewPlan, entities: pa.Table, dialect: Dialect) -> tuple[pa.Table, WantedRows]:
    """The entity rows of a view with aggregations: nr, k0, …, until (microseconds); and what they can see."""
    time = entities.column(TIME_COLUMN).combine_chunks()
    until, possible = _until(np.asarray(time.fill_null(0)), view.grid, _EARLIEST)
    known = np.asarray(time.is_valid()) & possible
    data: dict[str, Any] = {"nr": pa.array(np.arange(len(until), dtype=np.int64))}
    data |= _keys(view, entities, dialect)
    data["until"] = pa.array(until, mask=~known)
    if not known.any():
        return pa.table(data), WantedRows(latest=dialect.earliest)
    # An earlier row may be the correction that makes a row of the window go.
    begin = None if view.source.event_id is not None else longest(view)
    return pa.table(data), WantedRows(
        earliest=None if begin is None else int(until[known].min()) - begin,
        latest=int(until[known].max()) - view.delay,
    )


def _keys(view: ViewPlan, entities: pa.Table, dialect: Dialect) -> dict[str, Any]:
    if not view.keys:
        return {"k0": pa.array(np.zeros(entities.num_rows, np.int16))}
    return {
        name: dialect.sent_keys(entities.column(key.entity_column))
        for name, key in zip(key_names(view), view.keys, strict=True)
    }


def given_keys(view: ViewPlan, keys: pa.Table, dialect: Dialect) -> pa.Table:
    """Keys that are asked for: k0, …."""
    if not view.keys:
        return pa.table({"k0": pa.array([0] * min(1, keys.num_rows), pa.int16())})
    names = key_names(view)
    return pa.table(
        {name: dialect.sent_keys(keys.column(key.name)) for name, key in zip(names, view.keys, strict=True)}
    )


def effective(time: int, grid: Grid | None) -> int:
    """The effective time of an instant."""
    if grid is None:
        return time
    return (time - grid.lag - grid.offset) // grid.every * grid.every + grid.offset


def _until(
    times: npt.NDArray[np.int64], grid: Grid | None, earliest: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The effective times, and which of them the database has."""
    if grid is None:
        return times, times >= earliest
    shifted, possible = _minus(times, grid.lag + grid.offset, earliest)
    return shifted // grid.every * grid.every + grid.offset, possible


def _minus(
    times: npt.NDArray[np.int64], by: int, earliest: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Times less a duration, and which of the results the database has."""
    if abs(by) >= 2**62:
        return times, np.zeros(len(times), np.bool_)
    possible = times >= earliest + max(by, 0)
    return np.where(possible, times, 0) - by, possible
