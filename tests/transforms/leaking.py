"""Transforms that see the future, and some that do not."""

from __future__ import annotations

import polars as pl

import featurestore as fs

FACTOR = 2.0


@fs.transform(row_local=True)
def doubled(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(x=pl.col("x") * FACTOR)


@fs.transform
def running_mean(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Of the rows so far: it looks at other rows, but only back."""
    mean = (pl.col("x").cum_sum() / pl.col("x").cum_count()).over("k", order_by=["at", "n"])
    return rows.with_columns(x=mean)


@fs.transform
def global_mean(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(x=pl.col("x") - pl.col("x").mean())


@fs.transform
def next_value(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Sorted the wrong way before the shift."""
    return rows.sort("at", descending=True).with_columns(x=pl.col("x").shift(1).over("k"))


@fs.transform
def label_joined_back(rows: pl.LazyFrame) -> pl.LazyFrame:
    label = rows.group_by("k").agg(x=pl.col("x").last())
    return rows.drop("x").join(label, on="k")


@fs.transform
def count_of_all(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(x=pl.len().over("k").cast(pl.Float64))


@fs.transform
def by_chance(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(x=pl.int_range(pl.len()).shuffle().cast(pl.Float64))


@fs.transform
def by_place(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(x=pl.int_range(pl.len()).cast(pl.Float64))


@fs.transform(row_local=True)
def not_row_local(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(x=pl.col("x") - pl.col("x").mean())


LEAKING = [global_mean, next_value, label_joined_back, count_of_all]
CLEAN = [doubled, running_mean]
LEAKING_SQL = {
    "global mean": 'select k, "at", n, x - avg(x) over () as x from {source}',
    "next value": 'select k, "at", n, lead(x) over (partition by k order by "at", n) as x from {source}',
    "label joined back": (
        'select s.k, s."at", s.n, l.x from {source} s '
        "join (select k, max(x) as x from {source} group by k) l using (k)"
    ),
    "count of the whole table": 'select k, "at", n, (count(*) over ())::double as x from {source}',
}
CLEAN_SQL = 'select k, "at", n, sum(x) over (partition by k order by "at", n) as x from {source}'
