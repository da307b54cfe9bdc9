"""The point-in-time join as one statement of PostgreSQL for each view.

Each row of the source has a *place* in the order of its entity (event, created, then the values of the declared
features) and is visible from an instant on. The greatest place that is visible at an entity row is a running maximum
over rows and entity rows in the order of time: no row meets each row of its entity. Rows that are corrected
(`event_id`) go again when their correction is visible: these are joined by the time between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from featurestore.definitions.database import PostgresSource
from featurestore.definitions.types import (
    FLOATS,
    FeatureType,
    List,
    String,
    Timestamp,
    Vector,
    ZonedTimestamp,
)
from featurestore.protocols.offline import Changes, FeatureColumn, ViewPlan
from featurestore.protocols.sources import WantedRows
from featurestore_connectors.postgres.sql import instant, interval, moment, rows_of, where, within
from featurestore_connectors.postgres.types import Column

ENTITIES, GIVEN = "fs_entities", "fs_given"
_TEXTS = ("text", "varchar")


def key_names(view: ViewPlan) -> list[str]:
    """What the keys are called: k0, k1, …; one constant where the view has none."""
    return [f"k{i}" for i in range(max(1, len(view.keys)))]


class Rows:
    """A view's source as SQL.

    Args:
        view: the view.
        columns: of its source, by the names that the view uses.
        wanted: which rows can matter.
    """

    def __init__(self, view: ViewPlan, columns: Mapping[str, Column], wanted: WantedRows) -> None:
        assert isinstance(view.source, PostgresSource)  # noqa: S101 (the engine has looked)
        self.view = view
        self.table = rows_of(view.source)
        self.columns = columns
        self._wanted = wanted

    def breakers(self) -> list[str]:
        """What the columns that tie breakers are ordered by are called."""
        return [f"b{i}" for i in range(sum(len(self._order(f)) for f in self.view.tie_breakers))]

    def query(self, condition: str = "") -> str:
        """The rows with their keys, times, features and order, as far as they exist as of the view's `as_of`."""
        view, source = self.view, self.view.source
        event = self._instant("event_timestamp")
        columns = [f"{key} AS {name}" for key, name in zip(self.keys(), key_names(view), strict=True)]
        columns += [
            f"{self._finite('event_timestamp')} AS event",
            f"{self._instant('created_timestamp')} AS created",
        ]
        columns.append(f"{self._visible(event)} AS visible")
        if source.event_id is not None:
            columns.append(f"{self._column(source.event_id).sql} AS id")
        columns += [f"{self.value(feature)} AS f{i}" for i, feature in enumerate(view.features)]
        orders = [order for feature in view.tie_breakers for order in self._order(feature)]
        columns += [f"{order} AS b{i}" for i, order in enumerate(orders)]
        raw = self._column(source.event_timestamp)
        conditions = [
            f"{event} IS NOT NULL",
            *within(raw.sql, raw.kind, source.timezone, self._wanted.earliest, self._wanted.latest),
            *self._known(),
            *(f"{key} IS NOT NULL" for key in self.keys() if view.keys),
            condition,
        ]
        return f"SELECT {', '.join(columns)}\n  FROM {self.table}{where(conditions)}"

    def _known(self) -> list[str]:
        source, as_of = self.view.source, self.view.as_of
        conditions = [] if source.available_at is None else [f"{self._instant('available_at')} IS NOT NULL"]
        if as_of is not None:
            role = "available_at" if source.available_at is not None else "created_timestamp"
            conditions.append(f"{self._instant(role)} <= {moment(as_of)}")
        return conditions

    def keys(self) -> list[str]:
        """The join keys, to be compared with those of entity rows."""
        return [self._key(key.name, key.dtype) for key in self.view.keys] or ["0"]

    def _key(self, name: str, dtype: FeatureType) -> str:
        column = self._column(name)
        if dtype == Timestamp:
            return instant(column.sql, column.kind, self.view.source.timezone)
        return f"{column.sql}::text" if dtype == String and column.kind not in _TEXTS else column.sql

    def value(self, feature: FeatureColumn) -> str:
        """A feature as it is returned."""
        column = self._column(feature.column)
        if isinstance(feature.dtype, ZonedTimestamp) and column.kind in ("timestamp", "date"):
            return instant(column.sql, column.kind, self.view.source.timezone)
        return column.returned

    def _order(self, feature: FeatureColumn) -> list[str]:
        """Expressions whose tuple is ordered as rule 3 orders the feature's values, null lowest."""
        column = self._column(feature.column)
        if isinstance(feature.dtype, List | Vector):
            items = "u IS NOT NULL, " + ", ".join(
                _order_of("u", feature.dtype.item, column.kind.removeprefix("_"))
            )
            listed = f"(SELECT array_agg(ROW({items}) ORDER BY n) FROM unnest({column.sql}) WITH ORDINALITY AS l(u, n))"
            return [f"CASE WHEN {column.sql} IS NOT NULL THEN coalesce({listed}, '{{}}') END"]
        return _order_of(column.sql, feature.dtype, column.kind)

    def _visible(self, event: str) -> str:
        shown = f"{event} + {interval(self.view.delay)}" if self.view.delay else event
        available = self._instant("available_at")
        return shown if self.view.source.available_at is None else f"greatest({shown}, {available})"

    def visible(self) -> str:
        """The instant from which a row is visible, over the source's own columns."""
        return self._visible(self._instant("event_timestamp"))

    def _instant(self, role: str) -> str:
        name = getattr(self.view.source, role)
        if name is None:
            return "NULL::timestamptz"
        column = self._column(name)
        return instant(column.sql, column.kind, self.view.source.timezone)

    def _finite(self, role: str) -> str:
        """The instant, or an error where it is infinite."""
        found = self._instant(role)
        return f"CASE WHEN isfinite({found}) THEN {found} ELSE ({found}::text || ' is out of range')::timestamptz END"

    def changed(self, at: int, since: int, changes: Changes) -> str:
        """The condition that a row of the source makes its entity one to look at."""
        visible = self.visible()
        ways = [f"({visible} > {moment(since)} AND {visible} <= {moment(at)})"]
        known_after = moment(changes.known_after)
        if self.view.source.created_timestamp is not None:
            created = self._instant("created_timestamp")
            ways += [f"{created} > {known_after}", f"{created} IS NULL"]
        if self.view.source.available_at is not None:
            ways.append(f"{self._instant('available_at')} > {known_after}")
        event = self._instant("event_timestamp")
        return " AND ".join([f"{event} IS NOT NULL", *self._known(), f"({' OR '.join(ways)})"])

    def _column(self, name: str) -> Column:
        return self.columns[name]


def _order_of(sql: str, dtype: FeatureType, kind: str) -> list[str]:
    if dtype in FLOATS:
        send = "float4send" if kind == "float4" else "float8send"
        cast = sql if kind in ("float4", "float8") else f"{sql}::float8"
        return [cast, f"NOT ({cast} = 0 AND get_byte({send}({cast}), 0) > 127)"]
    if dtype == String:
        return [f'{sql}::text COLLATE "C"']
    return [sql]


def training_frame(rows: Rows) -> str:
    """The features of each entity row, in order."""
    view, keys = rows.view, key_names(rows.view)
    listed = ", ".join(keys)
    order = ", ".join(["event", "created NULLS FIRST", *(f"{b} NULLS FIRST" for b in rows.breakers())])
    source = rows.query(_asked(rows, ENTITIES))
    gone = (
        f"CASE WHEN id IS NOT NULL THEN min(visible) OVER (PARTITION BY {listed}, id "
        "ORDER BY created NULLS FIRST, event GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) END"
        if view.source.event_id is not None
        else "NULL::timestamptz"
    )
    features = ", ".join(f"p.f{i}" for i in range(len(view.features)))
    same = _same("p", "e", keys)
    winner = "greatest(w.place, g.place)" if view.source.event_id is not None else "w.place"
    passing = (
        f"""
passing AS (
  SELECT e.row, max(p.place) AS place
  FROM placed AS p JOIN {ENTITIES} AS e ON {same} AND e.until >= p.visible AND e.until < p.gone
  GROUP BY e.row
),"""
        if view.source.event_id is not None
        else ""
    )
    joined = "\nLEFT JOIN passing AS g ON g.row = e.row" if view.source.event_id is not None else ""
    return f"""WITH source AS (
  {source}
),
placed AS (
  SELECT *, row_number() OVER (PARTITION BY {listed} ORDER BY {order}) AS place, {gone} AS gone
  FROM source
),{passing}
lasting AS (
  SELECT row, max(place) OVER (
    PARTITION BY {listed} ORDER BY visible, row NULLS FIRST ROWS UNBOUNDED PRECEDING
  ) AS place
  FROM (
    SELECT {listed}, visible, place, NULL::bigint AS row FROM placed WHERE gone IS NULL
    UNION ALL
    SELECT {listed}, until, NULL, row FROM {ENTITIES} WHERE until IS NOT NULL
  ) AS u
)
SELECT {features}
FROM {ENTITIES} AS e
LEFT JOIN lasting AS w ON w.row = e.row{joined}
LEFT JOIN placed AS p ON {same} AND p.place = {winner} AND (e.oldest IS NULL OR p.event >= e.oldest)
ORDER BY e.row"""


def latest(rows: Rows, until: int, condition: str) -> str:
    """Keys, times and features of each entity's latest row that is visible at an instant."""
    view, keys = rows.view, key_names(rows.view)
    listed = ", ".join(keys)
    order = ", ".join(
        ["event DESC", "created DESC NULLS LAST", *(f"{b} DESC NULLS LAST" for b in rows.breakers())]
    )
    corrected = f"rank() OVER (PARTITION BY {listed}, id ORDER BY created DESC NULLS LAST, event DESC)"
    last = "id IS NULL OR nth = 1" if view.source.event_id is not None else "TRUE"
    nth = corrected if view.source.event_id is not None else "1"
    features = "".join(f", f{i}" for i in range(len(view.features)))
    return f"""WITH source AS (
  {rows.query(condition)}
),
alive AS (
  SELECT *, {nth} AS nth FROM source WHERE visible <= {moment(until)}
)
SELECT DISTINCT ON ({listed}) {listed}, event, created{features}
FROM alive
WHERE {last}
ORDER BY {listed}, {order}"""


def _asked(rows: Rows, table: str) -> str:
    """The condition that a row's entity is among those of a table."""
    names = ", ".join(key_names(rows.view))
    return f"({', '.join(rows.keys())}) IN (SELECT {names} FROM {table})" if rows.view.keys else ""


def restricted(rows: Rows, *, at: int, since: int, changes: Changes | None, given: bool) -> str:
    """The condition that a row's entity is given, or may have changed; none for all."""
    parts = [_asked(rows, GIVEN) or f"EXISTS (SELECT 1 FROM {GIVEN})"] if given else []
    if changes is not None:
        condition = rows.changed(at, since, changes)
        changed = f"SELECT {', '.join(rows.keys())} FROM {rows.table} WHERE {condition}"
        parts.append(
            f"({', '.join(rows.keys())}) IN ({changed})" if rows.view.keys else f"EXISTS ({changed})"
        )
    return f"({' OR '.join(parts)})" if parts else ""


def _same(one: str, other: str, keys: Sequence[str]) -> str:
    return " AND ".join(f"{one}.{key} = {other}.{key}" for key in keys)
