"""Late materialization: the features of the rows that won, read once, and returned row by entity row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from featurestore.definitions.types import FeatureType, Vector
from featurestore.engines.duckdb.connection import Session, reported
from featurestore.engines.duckdb.scan import Relation, key_names, key_values, wide_rows
from featurestore.engines.duckdb.sql import aliased, create, nested, numbered, select, where
from featurestore.engines.duckdb.tables import Tables
from featurestore.engines.duckdb.ties import losers
from featurestore.engines.duckdb.types import returned, to_declared
from featurestore.errors import SourceError
from featurestore.frames.types import arrow_type
from featurestore.protocols.offline import ViewPlan


def candidates(t: Tables) -> str:
    """placed: only the rows at winning places are left."""
    query = select(
        ["n.*"], f"FROM {t.placed} n", f"SEMI JOIN {t.match} m ON n.code = m.code AND n.place = m.place"
    )
    return create(t.placed, query).replace("CREATE TABLE", "CREATE OR REPLACE TABLE", 1)


def winners(t: Tables) -> list[str]:
    """groups, winners: the rows at the winning places (`placed`), the latest created ones of each, tied or not."""
    groups = select(
        ["code", "place", "any_value(event) AS event", "max(created) AS created", "min(rid) AS rid",
         "count(*) AS rows"],
        f"FROM {t.placed}",
        "GROUP BY code, place",
    )  # fmt: skip
    latest = select(
        ["n.code", "n.place", "n.event", "n.created", "n.rid"],
        f"FROM {t.placed} n",
        f"JOIN {t.groups} g ON n.code = g.code AND n.place = g.place",
        where("g.rows > 1", "n.created IS NOT DISTINCT FROM g.created"),
    )
    query = "\nUNION ALL\n".join([
        select(["code", "place", "event", "created", "rid", "FALSE AS tied"], f"FROM {t.groups}", where("rows = 1")),
        select(["*", "count(*) OVER (PARTITION BY code, place) > 1 AS tied"], f"FROM {nested(latest, 'n')}"),
    ])  # fmt: skip
    return [create(t.groups, groups), create(t.winners, query)]


def tied(t: Tables) -> str:
    """The identities of the winners that are tied."""
    return select(["rid"], f"FROM {t.winners}", where("tied"))


def values(view: ViewPlan, relation: Relation, t: Tables, *, tied: bool, times: bool = False) -> list[str]:
    """values: the features f0, f1, … of the winners in one scan; of those that are tied only the greatest.

    Args:
        view: the view.
        relation: its source.
        t: the tables.
        tied: whether any are.
        times: whether event and created timestamps are wanted too.
    """
    columns = ["code", "place", *(["event", "created"] if times else []), *(["rid", "tied"] if tied else [])]
    features = {f"f{i}": feature for i, feature in enumerate(view.features)}
    if not tied:
        return [create(t.values, wide_rows(relation, t.winners, columns, features))]
    fetched = {(feature.column, feature.dtype): name for name, feature in features.items()}
    breakers = {
        fetched.get((feature.column, feature.dtype), f"t{i}"): feature
        for i, feature in enumerate(view.tie_breakers)
    }
    return [
        create(t.values, wide_rows(relation, t.winners, columns, features | breakers)),
        losers(t.values, {name: feature.dtype for name, feature in breakers.items()}),
    ]


def check_vectors(session: Session, view: ViewPlan, t: Tables) -> None:
    """Check that the vectors among the fetched values are whole and of the declared length.

    Raises:
        SourceError: naming the entity of one that is not.
    """
    for i, feature in enumerate(view.features):
        if isinstance(feature.dtype, Vector):
            found = session.first(_bad_vector(view, t, f"f{i}", feature.dtype))
            if found is not None:
                raise _vector_error(view, feature.column, feature.dtype, found)


def _bad_vector(view: ViewPlan, t: Tables, column: str, dtype: Vector) -> str:
    return select(
        [*(f"k.{key}" for key in key_names(view)), f"len(v.{column}) AS length"],
        f"FROM {t.values} v",
        f"JOIN {t.keys} k ON k.code = v.code",
        where(f"len(v.{column}) <> {dtype.length} OR len(v.{column}) <> list_count(v.{column})"),
        "LIMIT 1",
    )


def _vector_error(view: ViewPlan, column: str, dtype: Vector, found: dict[str, object]) -> SourceError:
    keys = ", ".join(f"{key.name}={found[k]!r}" for key, k in zip(view.keys, key_names(view), strict=False))
    length = found["length"]
    what = f"has {length} items" if length != dtype.length else "has a null inside"
    return SourceError(
        f"View {view.label!r}: column {column!r} of source {view.source.name!r} holds a vector that {what} "
        f"for {keys or 'the one row of all'}, expected {dtype}.",
        hint="Repair the row, or declare the feature as a list.",
    )


def result(view: ViewPlan, t: Tables) -> str:
    """The features of each entity row, in order."""
    return select(_returned_features(view, "v"), *_matched(t, t.values))


def _matched(t: Tables, winners: str) -> tuple[str, str, str]:
    same = "v.code = m.code AND v.place = m.place"
    return f"FROM {t.match} m", f"LEFT JOIN {winners} v ON {same}", "ORDER BY m.row"


def values_of_winners(view: ViewPlan, relation: Relation, t: Tables) -> str:
    """The features of the winners, each under its winner's number: for where none are tied."""
    return wide_rows(relation, t.winners, ["rowid"], {f"f{i}": f for i, f in enumerate(view.features)})


def numbered_values(view: ViewPlan, t: Tables) -> str:
    """The fetched features, each row under a number."""
    return select(["v.rowid", *_returned_features(view, "v")], f"FROM {t.values} v")


def numbers(t: Tables, winners: str) -> str:
    """The number of each entity row's features in a table, in order; null where it has none."""
    return select(["v.rowid"], *_matched(t, winners))


def latest_result(view: ViewPlan, t: Tables) -> str:
    """Keys, times and features of each winner."""
    keys = [f"k.{key}" for key, _ in zip(key_names(view), view.keys, strict=False)]
    return select(
        [*keys, "v.event", "v.created", *_returned_features(view, "v")],
        f"FROM {t.values} v",
        f"JOIN {t.keys} k ON k.code = v.code",
    )


def latest_of_winners(view: ViewPlan, relation: Relation, t: Tables) -> str:
    """The same read from the source: for where none are tied. Nothing is kept but the identities of the winners."""
    keys = key_values(view, relation)[: len(view.keys)]
    features = {f"f{i}": feature for i, feature in enumerate(view.features)}
    read = wide_rows(relation, t.winners, ["event", "created"], features, extra=aliased(keys, "k"))
    columns = [*(f"v.{key}" for key in numbered("k", len(keys))), "v.event", "v.created"]
    return select([*columns, *_returned_features(view, "v")], f"FROM {nested(read, 'v')}")


def _returned_features(view: ViewPlan, rows: str) -> list[str]:
    names = numbered("f", len(view.features))
    return [
        f"{returned(f'{rows}.{name}', feature.dtype)} AS {name}"
        for name, feature in zip(names, view.features, strict=True)
    ]


def batches(
    session: Session,
    query: str,
    columns: Sequence[tuple[str, FeatureType | None]],
    source: str,
    *,
    alone: bool = False,
) -> Iterator[pa.RecordBatch]:
    """The batches of a result under the names and in the types of `columns` (None: int64).

    Args:
        session: of the tables.
        query: for the columns in their order.
        columns: names and types.
        source: for messages.
        alone: whether the session runs nothing else meanwhile.

    Raises:
        SourceError: if DuckDB fails while it computes them.
    """
    schema = _schema(columns)
    with reported(source):
        reader = session.reader(query, alone=alone)
    while True:
        with reported(source):
            batch = next(reader, None)
            if batch is None:
                return
            arrays = _declared(batch.columns, columns)
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def declared(found: Sequence[pa.ChunkedArray], columns: Sequence[tuple[str, FeatureType]]) -> pa.Table:
    """What DuckDB returned, under the names and in the types of `columns`."""
    return pa.table(_declared(found, columns), schema=_schema(columns))


def _schema(columns: Sequence[tuple[str, FeatureType | None]]) -> pa.Schema:
    return pa.schema([(name, pa.int64() if dtype is None else arrow_type(dtype)) for name, dtype in columns])


def _declared(found: Sequence[Any], columns: Sequence[tuple[str, FeatureType | None]]) -> list[Any]:
    return [
        column if dtype is None else to_declared(column, dtype)
        for column, (_, dtype) in zip(found, columns, strict=True)
    ]
