"""Aggregations over rows that sources and views have transformed first, in every kind of source, on both engines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

import featurestore as fs
from tests.transforms.conftest import HOUR, PLANE, values


def sums(source: Any, column: str, function: str = "sum", **more: Any) -> fs.FeatureView:
    """A view of one aggregation, called m, of the last hour."""
    options = {name: more.pop(name) for name in ("sql", "transform") if name in more}
    window = more.pop("window", HOUR)
    item = fs.Aggregation(column, function, window, name="m", **more)
    return fs.FeatureView("v", entities=[PLANE], source=source, features=[item], **options)


def number(make_source: Any) -> str:
    """Column a as a number: the fields of CSV files are text to SQL."""
    return "a::double" if make_source.text else "a"


def test_of_a_column_of_sql(store: fs.FeatureStore, make_source: Any) -> None:
    a = number(make_source)
    sql = f"SELECT tailnum, {a} * 10 AS ten FROM {{source}} WHERE {a} <> 3"
    assert values(store, sums(make_source(), "ten", sql=sql)) == [
        10.0,
        20.0,
        0.0,
        0.0,
        0.0,
        40.0,
        0.0,
        0.0,
        0.0,
    ]


def test_of_rows_that_sql_has_left(store: fs.FeatureStore, make_source: Any) -> None:
    sql = f"SELECT tailnum FROM {{source}} WHERE {number(make_source)} > 1"
    view = sums(make_source(), "*", "count", sql=sql, window=fs.LIFETIME)
    assert values(store, view) == [0, 1, 1, 1, 1, 2, 0, 0, 0]


def test_under_a_condition_on_a_column_of_sql(store: fs.FeatureStore, make_source: Any) -> None:
    sql = f"SELECT tailnum, {number(make_source)} AS x FROM {{source}}"
    view = sums(make_source(), "x", sql=sql, where="x % 2 = 0", window=fs.LIFETIME)
    assert values(store, view) == [0.0, 2.0, 2.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0]


def test_under_a_condition_on_a_column_of_the_source(store: fs.FeatureStore, make_source: Any) -> None:
    view = sums(
        make_source(), "*", "count", where=f"{number(make_source)} BETWEEN 2 AND 3", window=fs.LIFETIME
    )
    assert values(store, view) == [0, 1, 1, 1, 1, 1, 0, 0, 0]


def test_of_a_computed_column_of_a_filtered_source(store: fs.FeatureStore, make_source: Any) -> None:
    a = number(make_source)
    source = make_source(computed={"half": f"{a} / 2"}, where=f"{a} <> 2")
    assert values(store, sums(source, "half", "max", window="2h")) == [
        0.5,
        0.5,
        None,
        1.5,
        1.5,
        2.0,
        None,
        None,
        None,
    ]


def test_of_an_unnested_list(store: fs.FeatureStore, make_source: Any) -> None:
    if make_source.text:
        pytest.skip("CSV files hold no lists")
    view = sums(make_source(unnest="l"), "l", window=fs.LIFETIME)
    assert values(store, view) == [3, 6, 6, 0, 0, 0, 0, 0, 0]


@fs.transform(row_local=True)
def with_quarters(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(quarter=pl.col("a").cast(pl.Float64) / 4)


def test_of_a_column_of_a_function(store: fs.FeatureStore, make_source: Any) -> None:
    view = sums(make_source(), "quarter", "last", transform=with_quarters, window=timedelta(hours=3))
    assert values(store, view) == [0.25, 0.5, 0.5, 0.75, 0.75, 1.0, None, None, None]


def test_of_the_rows_of_another_view(store: fs.FeatureStore, make_source: Any) -> None:
    below = fs.FeatureView(
        "below", entities=[PLANE], source=make_source(), features=[fs.Feature("x", fs.Float64)],
        sql=f"SELECT tailnum, -{number(make_source)} AS x FROM {{source}}",
    )  # fmt: skip
    view = sums(below, "x", "min", window=fs.LIFETIME, where="x > -4")
    assert values(store, view) == [-1.0, -2.0, -2.0, -3.0, -3.0, -3.0, None, None, None]
