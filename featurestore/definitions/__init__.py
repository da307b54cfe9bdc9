"""Definitions: entities, sources, features, views, services, and their types and hashes."""

from featurestore.definitions.aggregation import Aggregation
from featurestore.definitions.database import DuckDBSource, PostgresSource, SnowflakeSource, SqlSource
from featurestore.definitions.entity import Entity
from featurestore.definitions.expectations import (
    AllowedValues,
    Expectation,
    Freshness,
    NullShare,
    RowCount,
    RowsArrived,
    UniqueKeys,
    ValueRange,
)
from featurestore.definitions.feature import Feature
from featurestore.definitions.reference import ViewReference
from featurestore.definitions.schedule import Schedule
from featurestore.definitions.service import FeatureService
from featurestore.definitions.source import CSVSource, InMemorySource, ParquetSource, Source
from featurestore.definitions.splits import EntitySplit, RandomSplit, Split, StratifiedSplit, TimeSplit
from featurestore.definitions.transform import Transform, transform
from featurestore.definitions.view import FeatureView
from featurestore.definitions.windows import LIFETIME

__all__ = [
    "LIFETIME",
    "Aggregation",
    "AllowedValues",
    "CSVSource",
    "DuckDBSource",
    "Entity",
    "EntitySplit",
    "Expectation",
    "Feature",
    "FeatureService",
    "FeatureView",
    "Freshness",
    "InMemorySource",
    "NullShare",
    "ParquetSource",
    "PostgresSource",
    "RandomSplit",
    "RowCount",
    "RowsArrived",
    "Schedule",
    "SnowflakeSource",
    "Source",
    "Split",
    "SqlSource",
    "StratifiedSplit",
    "TimeSplit",
    "Transform",
    "UniqueKeys",
    "ValueRange",
    "ViewReference",
    "transform",
]
