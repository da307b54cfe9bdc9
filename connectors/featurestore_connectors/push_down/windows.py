"""The aggregations of a view as one statement: rows meet the instants whose windows they may be in, by key and time.

All times are whole microseconds since the epoch here. Each instant of an entity is one group, however many entity rows
ask for it, and each aggregate of a group is computed once, however many aggregations are made of it. The cost grows
with the rows within the longest window, added up over the instants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from featurestore.definitions.types import List
from featurestore.protocols.offline import ViewPlan, WindowColumn
from featurestore_connectors.push_down.conditions import conditions_of, is_plain, translated
from featurestore_connectors.push_down.dialect import Dialect
from featurestore_connectors.push_down.inputs import Computed, Input
from featurestore_connectors.push_down.keys import key_names
from featurestore_connectors.push_down.match import Rows, same

# Fewer rows are read, and more instants computed here: each one meets the rows of its entity in a database, which costs
# nothing here (see `featurestore.windows`).
_SMALL, _ROWS_OF_AN_INSTANT = 100_000, 1000
_LARGE = 2**62
_BLOCK = 4000  # rows whose floats are added up before the sums are: an error grows with each of both numbers


def training_frame(rows: Rows) -> str:
    """The aggregations of each entity row, in order."""
    before, values, after = _joined(rows)
    return f"{before}\nSELECT {values}\n{after}\nORDER BY e.nr"


def numbered_frame(rows: Rows) -> str:
    """The aggregations of each entity row with its number, in any order."""
    before, values, after = _joined(rows)
    return f"{before}\nSELECT e.nr AS nr, {values}\n{after}"


def latest(rows: Rows, until: int, condition: str) -> str:
    """Keys and aggregations of each entity that has a visible row at an instant."""
    made = _Made(rows, bounded=False)
    alive = f"SELECT found.* FROM found WHERE visible <= {until}"
    if rows.view.source.event_id is not None:
        nth = f"row_number() OVER ({_corrections(rows)}) AS nth"
        alive = f"SELECT * FROM (SELECT q.*, {nth} FROM ({alive}) AS q) AS q WHERE id IS NULL OR nth = 1"
    return f"""{made.found(condition)},
met AS (
  SELECT q.*, CAST({until} AS BIGINT) AS until FROM ({alive}) AS q
),
{made.grouped()}
SELECT {_prefixed("a", key_names(rows.view))}, {made.values}
FROM grouped AS a{made.blocks_of("a")}"""


def _joined(rows: Rows) -> tuple[str, str, str]:
    """What stands before the list of values, the list, and what stands after it."""
    view, keys, made = rows.view, key_names(rows.view), _Made(rows, bounded=True)
    events, living = "found", ""
    conditions = [same("r", "p", keys)]
    conditions.append(
        f"r.event <= {_before('p.until', view.delay)}" if view.in_order else "r.visible <= p.until"
    )
    if made.longest is not None:
        conditions.append(f"r.event > {_before('p.until', made.longest)}")
    if view.source.event_id is not None:
        events, living = "living", f"{_living(rows)},\n"
        conditions.append("(r.gone IS NULL OR p.until < r.gone)")
    before = f"""{made.found(rows.asked(rows.entities))},
{living}points AS (
  SELECT DISTINCT {", ".join(keys)}, until FROM {rows.entities} WHERE until IS NOT NULL
),
met AS (
  SELECT r.*, p.until FROM points AS p JOIN {events} AS r ON {" AND ".join(conditions)}
),
{made.grouped()}"""
    entity = f"LEFT JOIN grouped AS a ON {same('a', 'e', keys)} AND a.until = e.until"
    return before, made.values, f"FROM {rows.entities} AS e\n{entity}{made.blocks_of('a')}"


def reason_against(view: ViewPlan, dialect: Dialect) -> str | None:
    """What of a view's aggregations the database cannot do as the law says; None if it can do all."""
    for window in view.windows:
        if window.by is not None:
            return f"has the aggregation {window.output!r}, a map (by=), for which no column there has a type"
        if (what := dialect.unaggregated(window)) is not None:
            return f"has the aggregation {window.output!r}, {what}"
    for condition in conditions_of(view).values():
        if not is_plain(condition):
            return f"has the condition {condition!r}, of which it is not certain that it means the same there"
    return _unordered(view, dialect) if view.source.event_id is not None else None


def better_read(views: Sequence[ViewPlan], rows: int, entity_rows: int) -> str | None:
    """Why as many rows of sources are better read because of windows; None if they are not."""
    windowed = [view for view in views if view.windows]
    if windowed and rows < _SMALL:
        return f"the sources have about {rows:,} rows, which are read quickly"
    if any(not view.keys or entity_rows * _ROWS_OF_AN_INSTANT > rows for view in windowed):
        return f"windows of so many entity rows over about {rows:,} rows are computed quickly"
    return None


def moving(rows: Rows, *, since: int, until: int) -> list[str]:
    """Conditions that a row changes the values of its entity between two effective times, though no row comes."""
    event = rows.dialect.microseconds(rows.instant("event_timestamp"))
    spans = sorted(_moving(rows.view, since, until))
    return [f"({event} > {low} AND {event} <= {high})" for low, high in spans]


def longest(view: ViewPlan) -> int | None:
    """How long before an instant the earliest row is that its windows hold; None where one has no begin."""
    begins = [_begin(w) for w in _singles(view.windows)]
    return None if None in begins else max(begin for begin in begins if begin is not None)


def _unordered(view: ViewPlan, dialect: Dialect) -> str | None:
    """What the database cannot order of rows that may correct each other at the same time."""
    dtypes = [f.dtype for f in view.inputs]
    lists = [dtype for dtype in dtypes if not dialect.orders(dtype)]
    return f"has features of type {lists[0]}" if lists else dialect.refused(dtypes)


def _begin(window: WindowColumn) -> int | None:
    return None if window.window is None else window.offset + window.window


def _moving(view: ViewPlan, since: int, until: int) -> set[tuple[int, int]]:
    """Spans of event times, later than the one and not later than the other, that move values meanwhile."""
    spans = set()
    for w in _singles(view.windows) if until > since else ():
        begin = _begin(w)
        if w.function.startswith("decayed_"):
            spans.add((-(2**63) if begin is None else since - begin, until - w.offset))
        else:
            spans |= {(since - edge, until - edge) for edge in (w.offset, begin) if edge}
    return {(max(low, -(2**63)), max(high, -(2**63))) for low, high in spans}


def _singles(windows: Sequence[WindowColumn]) -> list[WindowColumn]:
    return [single for window in windows for single in _parts(window)]


def _parts(window: WindowColumn) -> list[WindowColumn]:
    """The windows of a series, the oldest first; the window itself where it is no series."""
    count, length = window.series, window.window
    if count is None or length is None or not isinstance(window.dtype, List):
        return [window]
    single = replace(window, series=None, dtype=window.dtype.item)
    return [replace(single, offset=window.offset + i * length) for i in reversed(range(count))]


class _Made:
    """The values of a view's aggregations, and what a statement has to compute to make them.

    Args:
        rows: the view's source.
        bounded: whether rows are joined with instants, so that those before the longest window are left out.
    """

    def __init__(self, rows: Rows, *, bounded: bool) -> None:
        self._rows, self._computed = rows, Computed()
        self._keys = key_names(rows.view)
        self._bounded = bounded
        self.longest = longest(rows.view) if bounded else None
        self.values = self._values()

    def found(self, condition: str) -> str:
        """The rows of the source with their times and what is computed of each."""
        rows, dialect, source = self._rows, self._rows.dialect, self._rows.view.source
        event, *created = self._times()
        columns = [f"{event} AS event", *(f"{each} AS created" for each in created)]
        if not (self._bounded and rows.view.in_order):
            columns.append(f"{dialect.microseconds(rows.visible())} AS visible")
        if source.event_id is not None:
            columns.append(f"{rows.columns[source.event_id].sql} AS id")
            columns += [f"{order} AS b{i}" for i, order in enumerate(_orders(rows))]
        if self._computed.blocks:
            place = f"row_number() OVER (PARTITION BY {', '.join(rows.keys())} ORDER BY {event})"
            columns.append(f"{place} - MOD({place}, {_BLOCK}) AS block")
        found = rows.select([*columns, *self._computed.rows.listed()], condition)
        return f"WITH found AS{dialect.materialized} (\n  {found}\n)"

    def grouped(self) -> str:
        """The groups of the rows that met an instant, with their aggregates and sums."""
        group, met, parts = ", ".join([*self._keys, "until"]), "met", []
        if windows := self._computed.windows.listed():
            parts.append(f"placed AS (\n  SELECT r.*, {', '.join(windows)} FROM met AS r\n)")
            met = "placed"
        columns = ", ".join([group, *self._computed.groups.listed()])
        parts.append(f"grouped AS (\n  SELECT {columns} FROM {met} AS r GROUP BY {group}\n)")
        if blocks := self._computed.blocks:
            summed = ", ".join(f"sum({name}) AS {name}" for name in blocks.names())
            of_blocks = (
                f"SELECT {group}, {', '.join(blocks.listed())} FROM {met} AS r GROUP BY {group}, block"
            )
            parts.append(
                f"summed AS (\n  SELECT {group}, {summed} FROM (\n    {of_blocks}\n  ) AS q GROUP BY {group}\n)"
            )
        return ",\n".join(parts)

    def blocks_of(self, groups: str) -> str:
        """The sums that were made block by block, joined to the groups."""
        if not self._computed.blocks:
            return ""
        return f"\nLEFT JOIN summed AS b ON {same('b', groups, [*self._keys, 'until'])}"

    def _values(self) -> str:
        """Each aggregation over groups called ``a`` and sums called ``b``."""
        found, dialect = [], self._rows.dialect
        for i, window in enumerate(self._rows.view.windows):
            parts = [dialect.aggregated(self._input(part)) for part in _parts(window)]
            value = parts[0] if window.series is None else dialect.series(parts, window.dtype)
            found.append(f"{value} AS f{i}")
        return ", ".join(found)

    def _input(self, window: WindowColumn) -> Input:
        rows, begin = self._rows, _begin(window)
        conditions = []
        if window.offset > rows.view.delay:
            conditions.append(f"r.event <= {_before('r.until', window.offset)}")
        if begin is not None and begin != self.longest:
            conditions.append(f"r.event > {_before('r.until', begin)}")
        if window.where is not None:
            conditions.append(self._computed.rows.of(_mark(rows, window.where)))
        return Input(
            view=rows.view,
            window=window,
            column=None if window.column is None else rows.columns[window.column],
            condition=" AND ".join(conditions),
            age=f"({_before('r.until', window.offset)} - r.event)",
            keys=rows.keys(),
            times=self._times(),
            computed=self._computed,
        )

    def _times(self) -> list[str]:
        rows, dialect = self._rows, self._rows.dialect
        event = dialect.microseconds(dialect.finite(rows.instant("event_timestamp")))
        created = rows.view.source.created_timestamp
        return [event] if created is None else [event, rows.instant("created_timestamp")]


def _prefixed(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def _before(until: str, by: int) -> str:
    """So much before an instant; without an overflow of 64 bits."""
    if not by:
        return until
    return f"{until} - {by}" if by < _LARGE else f"CAST({until} AS DECIMAL(38, 0)) - {by}"


def _mark(rows: Rows, name: str) -> str:
    """The condition of some aggregations over the source's rows, false where it is not known."""
    return f"coalesce({translated(conditions_of(rows.view)[name], rows.columns, rows.dialect)}, FALSE)"


def _orders(rows: Rows) -> list[str]:
    """What rows that correct each other at the same time are ordered by."""
    marks = conditions_of(rows.view)
    return [
        order
        for f in rows.view.inputs
        for order in (
            [_mark(rows, f.column)]
            if f.column in marks
            else rows.dialect.order(rows.columns[f.column], f.dtype)
        )
    ]


def _corrections(rows: Rows) -> str:
    """The rows of one event, the one that corrects all others first."""
    order = [] if rows.view.source.created_timestamp is None else ["created DESC NULLS LAST"]
    order += ["event DESC", *(f"b{i} DESC NULLS LAST" for i in range(len(_orders(rows))))]
    return f"PARTITION BY {', '.join([*key_names(rows.view), 'id'])} ORDER BY {', '.join(order)}"


def _living(rows: Rows) -> str:
    """The rows with the instant at which they go: when another one of their event, which corrects them, is visible."""
    frame = f"{_corrections(rows)} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    return f"""living AS (
  SELECT found.*, CASE WHEN id IS NOT NULL THEN min(visible) OVER ({frame}) END AS gone FROM found
)"""
