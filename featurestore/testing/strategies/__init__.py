"""Hypothesis strategies that aim at the corners of the law of time (needs the extra ``dev``)."""

from featurestore.testing.strategies.cases import Case, Request, cases
from featurestore.testing.strategies.columns import Column, feature_columns, key_columns
from featurestore.testing.strategies.files import as_csv, as_parquet, csv_can_hold
from featurestore.testing.strategies.times import Clock, TimeColumn, clocks, time_columns
from featurestore.testing.strategies.windows import window_cases

__all__ = [
    "Case",
    "Clock",
    "Column",
    "Request",
    "TimeColumn",
    "as_csv",
    "as_parquet",
    "cases",
    "clocks",
    "csv_can_hold",
    "feature_columns",
    "key_columns",
    "time_columns",
    "window_cases",
]
