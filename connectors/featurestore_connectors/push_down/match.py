"""The point-in-time join as one statement for each view, and the latest rows as another.

Each row of the source has a *place* in the order of its entity (event, created, then the values of the declared
features) and is visible from an instant on. Where rows become visible in the order of their events, the nearest visible
one is an ASOF JOIN, if the database has it, or is looked up for each entity row, if an index leads there. Else the
greatest place that is visible at an entity row is a running maximum over rows and entity rows in the order of time: no
row meets each row of its entity. Rows that are corrected (`event_id`) go again when their correction is visible: these
are joined by the time between.
"""

from __future__ import annotations

from collections.abc import Sequence

from featurestore.protocols.offline import Changes, FeatureColumn, ViewPlan
from featurestore.protocols.sources import WantedRows
from featurestore_connectors.push_down.dialect import ENTITIES, GIVEN, Columns, Dialect, Lookup
from featurestore_connectors.push_down.keys import key_names


def where(conditions: Sequence[str]) -> str:
    """WHERE, if there are conditions."""
    given = [condition for condition in conditions if condition]
    return f"\n  WHERE {' AND '.join(given)}" if given else ""


class Rows:
    """A view's source as SQL.

    Args:
        view: the view.
        columns: of its source, by the names that the view uses.
        wanted: which rows can matter.
        dialect: of the database.
        entities: the table of the entity rows.
        lookup: how an index leads to the rows, if one does.
    """

    def __init__(
        self,
        view: ViewPlan,
        columns: Columns,
        wanted: WantedRows,
        dialect: Dialect,
        entities: str = ENTITIES,
        *,
        lookup: Lookup | None = None,
    ) -> None:
        self.view = view
        self.lookup = lookup
        self.entities = entities
        self.dialect = dialect
        self.table = dialect.rows_of(view.source)
        self.columns = columns
        self._wanted = wanted
        self.zone = view.source.timezone

    def without_features(self) -> Rows:
        """The same rows, of which nothing but keys and times is read."""
        return Rows(self.view.without_features(), self.columns, self._wanted, self.dialect, self.entities)

    @property
    def breakers(self) -> list[str]:
        """What the columns that tie breakers are ordered by are called."""
        return [f"b{i}" for i in range(len(self._orders()))]

    @property
    def doubtful(self) -> bool:
        """Whether the database cannot order all tie breakers: then rows have a column ``tied``, which says of each
        whether another one shares its place and has other values of these.
        """
        return not all(self.dialect.orders(f.dtype) for f in self.view.tie_breakers)

    def query(self, condition: str = "") -> str:
        """The rows with their keys, times, features and order, as far as they exist as of the view's `as_of`."""
        found = self._query(condition)
        if not self.doubtful:
            return found
        breakers = self.view.tie_breakers
        first = next(i for i, f in enumerate(breakers) if not self.dialect.orders(f.dtype))
        before = [f"b{i}" for i in range(len(self._orders(breakers[:first])))]
        place = f"OVER (PARTITION BY {', '.join([*key_names(self.view), 'event', 'created', *before])})"
        listed = [f"a{i}" for i in range(len(self._alike()))]
        tied = " OR ".join(f"MIN({name}) {place} <> MAX({name}) {place}" for name in listed)
        return f"SELECT q.*, {tied} AS tied FROM (\n  {found}\n  ) AS q"

    def _query(self, condition: str) -> str:
        view, source = self.view, self.view.source
        columns = [
            f"{self.dialect.finite(self.instant('event_timestamp'))} AS event",
            f"{self.instant('created_timestamp')} AS created",
            f"{self.visible()} AS visible",
        ]
        if source.event_id is not None:
            columns.append(f"{self.columns[source.event_id].sql} AS id")
        columns += [
            f"{self.dialect.value(self.columns[f.column], f.dtype, self.zone)} AS f{i}"
            for i, f in enumerate(view.features)
        ]
        columns += [f"{order} AS b{i}" for i, order in enumerate(self._orders())]
        columns += [f"{alike} AS a{i}" for i, alike in enumerate(self._alike())]
        return self.select(columns, condition)

    def select(self, columns: Sequence[str], condition: str = "") -> str:
        """The rows, as far as they exist, with their keys and further columns."""
        named = [f"{key} AS {name}" for key, name in zip(self.keys(), key_names(self.view), strict=True)]
        return f"SELECT {', '.join([*named, *columns])}\n  {self.matching(condition)}"

    def matching(self, condition: str) -> str:
        """FROM and WHERE of the rows that exist."""
        raw = self.columns[self.view.source.event_timestamp]
        conditions = [
            f"{raw.sql} IS NOT NULL",
            *self.dialect.within(raw, self.zone, self._wanted.earliest, self._wanted.latest),
            *self._known(),
            *(f"{key} IS NOT NULL" for key in self.keys() if self.view.keys),
            condition,
        ]
        return f"FROM {self.table}{where(conditions)}"

    def keys(self) -> list[str]:
        """The join keys, to be compared with those of entity rows."""
        keys = self.view.keys
        return [self.dialect.key(self.columns[key.name], key.dtype, self.zone) for key in keys] or ["0"]

    def asked(self, table: str) -> str:
        """The condition that a row's entity is among those of a table; none where all rows are of one entity."""
        names = ", ".join(key_names(self.view))
        return f"({', '.join(self.keys())}) IN (SELECT {names} FROM {table})" if self.view.keys else ""

    def visible(self) -> str:
        """The instant from which a row is visible, over the source's own columns."""
        shown = self.instant("event_timestamp")
        if self.view.delay:
            shown = self.dialect.later_by(shown, self.view.delay)
        if self.view.source.available_at is None:
            return shown
        return f"greatest({shown}, {self.instant('available_at')})"

    def changed(self, at: int, since: int, changes: Changes, others: Sequence[str] = ()) -> str:
        """The condition that a row of the source makes its entity one to look at; `others` do too."""
        visible, moment = self.visible(), self.dialect.moment
        ways = [*others, f"({visible} > {moment(since)} AND {visible} <= {moment(at)})"]
        if self.view.source.created_timestamp is not None:
            created = self.instant("created_timestamp")
            ways += [f"{created} > {moment(changes.known_after)}", f"{created} IS NULL"]
        if self.view.source.available_at is not None:
            ways.append(f"{self.instant('available_at')} > {moment(changes.known_after)}")
        event = self.columns[self.view.source.event_timestamp]
        return " AND ".join([f"{event.sql} IS NOT NULL", *self._known(), f"({' OR '.join(ways)})"])

    def _known(self) -> list[str]:
        source, as_of = self.view.source, self.view.as_of
        conditions = [] if source.available_at is None else [f"{self.instant('available_at')} IS NOT NULL"]
        if as_of is not None:
            role = "available_at" if source.available_at is not None else "created_timestamp"
            conditions.append(f"{self.instant(role)} <= {self.dialect.moment(as_of)}")
        return conditions

    def _orders(self, breakers: Sequence[FeatureColumn] | None = None) -> list[str]:
        chosen = self.view.tie_breakers if breakers is None else breakers
        return [order for f in chosen for order in self.dialect.order(self.columns[f.column], f.dtype)]

    def _alike(self) -> list[str]:
        """What tells whether values are the same that cannot be ordered."""
        doubtful = (f for f in self.view.tie_breakers if not self.dialect.orders(f.dtype))
        return [self.dialect.alike(self.columns[f.column]) for f in doubtful]

    def instant(self, role: str) -> str:
        """A time column of the source as an instant; no instant where there is none."""
        name = getattr(self.view.source, role)
        if name is None:
            return self.dialect.no_instant
        return self.dialect.instant(self.columns[name], self.zone, up=role != "created_timestamp")


def training_frame(rows: Rows) -> str:
    """The features of each entity row, in order; then, if `Rows.doubtful`, whether its row was tied."""
    select, body = _joined(rows)
    return f"{body[0]}\nSELECT {select}\n{body[1]}\nORDER BY e.nr".lstrip()


def numbered_frame(rows: Rows) -> str:
    """The features of each entity row with its number, in any order."""
    select, body = _joined(rows)
    return f"{body[0]}\nSELECT e.nr AS nr, {select}\n{body[1]}".lstrip()


def _joined(rows: Rows) -> tuple[str, tuple[str, str]]:
    """What is selected; and what stands before SELECT and after it."""
    if rows.lookup is not None:
        return _looked_up(rows, rows.lookup)
    return _nearest(rows) if rows.dialect.nearest and rows.view.in_order else _running(rows)


def _looked_up(rows: Rows, lookup: Lookup) -> tuple[str, tuple[str, str]]:
    """By index: for each entity row the last event that it sees, then the winner among the rows of that event."""
    paired = [f"{own} = e.{key}" for own, key in zip(rows.keys(), key_names(rows.view), strict=True)]
    order = ", ".join(["created DESC NULLS LAST", *(f"{b} DESC NULLS LAST" for b in rows.breakers)])
    features = ", ".join(f"p.f{i} AS f{i}" for i in range(len(rows.view.features)))
    after = f"""FROM {rows.entities} AS e
LEFT JOIN LATERAL (
  SELECT {lookup.event} AS event
  {rows.matching(" AND ".join([*paired, lookup.seen]))}
  ORDER BY {lookup.event} DESC LIMIT 1
) AS n ON TRUE
LEFT JOIN LATERAL (
  {rows.query(" AND ".join([*paired, f"{lookup.event} = n.event"]))}
  ORDER BY {order} LIMIT 1
) AS p ON e.oldest IS NULL OR p.event >= e.oldest"""
    return features, ("", after)


def _nearest(rows: Rows) -> tuple[str, tuple[str, str]]:
    """By ASOF JOIN: rows of one entity and event are one row first, as the join would choose any of them."""
    view, keys = rows.view, key_names(rows.view)
    order = ", ".join(["created DESC NULLS LAST", *(f"{b} DESC NULLS LAST" for b in rows.breakers)])
    young = "e.oldest IS NULL OR p.event >= e.oldest"
    chosen = [*(f"f{i}" for i in range(len(view.features))), *_tied(rows)]
    features = ", ".join(f"CASE WHEN {young} THEN p.{name} END AS {name}" for name in chosen)
    before = f"""WITH found AS (
  {rows.query(rows.asked(rows.entities))}
),
placed AS (
  SELECT * FROM (
    SELECT found.*, row_number() OVER (PARTITION BY {", ".join([*keys, "event"])} ORDER BY {order}) AS place
    FROM found
  ) AS q WHERE place = 1
)
"""
    after = f"""FROM {rows.entities} AS e
ASOF JOIN placed AS p MATCH_CONDITION (e.until >= p.visible) ON {same("e", "p", keys)}"""
    return features, (before.rstrip(), after)


def _running(rows: Rows) -> tuple[str, tuple[str, str]]:
    """By a running maximum of places."""
    view, keys = rows.view, key_names(rows.view)
    listed, paired = ", ".join(keys), same("p", "e", keys)
    order = ", ".join(["event", "created NULLS FIRST", *(f"{b} NULLS FIRST" for b in rows.breakers)])
    features = ", ".join([*(f"p.f{i} AS f{i}" for i in range(len(view.features))), *_tied(rows, "p.")])
    corrected, gone, passing, joined, winner = "", rows.dialect.no_instant, "", "", "w.place"
    lost = ""
    if view.source.event_id is not None:
        corrected = _corrected(keys)
        gone = "c.gone"
        lost = (
            f"\n  LEFT JOIN corrected AS c ON {same('c', 's', [*keys, 'id', 'event'])} "
            "AND c.created IS NOT DISTINCT FROM s.created"
        )
        passing = f"""
passing AS (
  SELECT e.nr, max(p.place) AS place
  FROM placed AS p JOIN {rows.entities} AS e ON {paired} AND e.until >= p.visible AND e.until < p.gone
  GROUP BY e.nr
),"""
        joined = "\nLEFT JOIN passing AS g ON g.nr = e.nr"
        winner = "greatest(coalesce(w.place, g.place), coalesce(g.place, w.place))"
    own = _prefixed("s", order)
    before = f"""WITH found AS (
  {rows.query(rows.asked(rows.entities))}
),{corrected}
placed AS (
  SELECT s.*, row_number() OVER (PARTITION BY {_prefixed("s", listed)} ORDER BY {own}) AS place, {gone} AS gone
  FROM found AS s{lost}
),{passing}
lasting AS (
  SELECT nr, max(place) OVER (
    PARTITION BY {listed} ORDER BY visible, nr NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS place
  FROM (
    SELECT {listed}, visible, place, CAST(NULL AS BIGINT) AS nr FROM placed WHERE gone IS NULL
    UNION ALL
    SELECT {listed}, until, NULL, nr FROM {rows.entities} WHERE until IS NOT NULL
  ) AS u
)
"""
    after = f"""FROM {rows.entities} AS e
LEFT JOIN lasting AS w ON w.nr = e.nr{joined}
LEFT JOIN placed AS p ON {paired} AND p.place = {winner} AND (e.oldest IS NULL OR p.event >= e.oldest)"""
    return features, (before.rstrip(), after)


def _tied(rows: Rows, prefix: str = "") -> list[str]:
    return [f"{prefix}tied"] if rows.doubtful else []


def _corrected(keys: Sequence[str]) -> str:
    """When the rows of one id, created and event go: as soon as a row of the id that was created later is visible."""
    named = ", ".join([*keys, "id", "created", "event"])
    return f"""
corrected AS (
  SELECT {named}, min(first) OVER (
    PARTITION BY {", ".join([*keys, "id"])} ORDER BY created DESC NULLS LAST, event DESC
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ) AS gone
  FROM (SELECT {named}, min(visible) AS first FROM found WHERE id IS NOT NULL GROUP BY {named}) AS v
),"""


def latest(rows: Rows, until: int, condition: str) -> str:
    """Keys, times and features of each entity's latest row that is visible at an instant.

    Then, if `Rows.doubtful`, whether the row was tied.
    """
    view, keys = rows.view, key_names(rows.view)
    listed = ", ".join(keys)
    order = ", ".join(
        ["event DESC", "created DESC NULLS LAST", *(f"{b} DESC NULLS LAST" for b in rows.breakers)]
    )
    features = "".join(f", {name}" for name in [*(f"f{i}" for i in range(len(view.features))), *_tied(rows)])
    return f"""{_alive(rows, until, condition, "rank")}
SELECT {listed}, event, created{features}
FROM (
  SELECT alive.*, row_number() OVER (PARTITION BY {listed} ORDER BY {order}) AS place FROM alive
) AS p
WHERE place = 1"""


def visible_rows(rows: Rows, until: int, condition: str) -> str:
    """Keys, times and the instant of becoming visible of all visible rows that exist."""
    listed = ", ".join(key_names(rows.view))
    return f"{_alive(rows, until, condition, 'row_number')}\nSELECT {listed}, event, created, visible\nFROM alive"


def _alive(rows: Rows, until: int, condition: str, ranked: str) -> str:
    """The rows that are visible and not corrected; of equal corrections all by rank, any one by row number."""
    alive = "SELECT found.* FROM found WHERE visible <= " + rows.dialect.moment(until)
    if rows.view.source.event_id is not None:
        listed = ", ".join(key_names(rows.view))
        nth = f"{ranked}() OVER (PARTITION BY {listed}, id ORDER BY created DESC NULLS LAST, event DESC)"
        alive = (
            f"SELECT * FROM (SELECT a.*, {nth} AS nth FROM ({alive}) AS a) AS b WHERE id IS NULL OR nth = 1"
        )
    return f"""WITH found AS (
  {rows.query(condition)}
),
alive AS (
  {alive}
)"""


def restricted(rows: Rows, changed: str | None, *, given: bool) -> str:
    """The condition that a row's entity is given, or has a row that is `changed`; none for all."""
    parts = [rows.asked(GIVEN) or f"EXISTS (SELECT 1 FROM {GIVEN})"] if given else []
    if changed is not None:
        found = f"SELECT {', '.join(rows.keys())} FROM {rows.table} WHERE {changed}"
        parts.append(f"({', '.join(rows.keys())}) IN ({found})" if rows.view.keys else f"EXISTS ({found})")
    return f"({' OR '.join(parts)})" if parts else ""


def same(one: str, other: str, keys: Sequence[str]) -> str:
    """The condition that two rows are of one entity."""
    return " AND ".join(f"{one}.{key} = {other}.{key}" for key in keys)


def _prefixed(prefix: str, listed: str) -> str:
    return ", ".join(f"{prefix}.{item}" for item in listed.split(", "))
