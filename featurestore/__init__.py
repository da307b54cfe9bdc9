"""A feature store: features defined once, the same in training and serving.

A feature view is a function from (entity, time) to values that never looks past that time.
"""

from __future__ import annotations

import importlib as _importlib
import typing as _typing

if _typing.TYPE_CHECKING:
    from featurestore.definitions.aggregation import Aggregation
    from featurestore.definitions.database import DuckDBSource, PostgresSource, SnowflakeSource, SqlSource
    from featurestore.definitions.entity import Entity
    from featurestore.definitions.expectation import Expectation
    from featurestore.definitions.expectations import (
        AllowedValues,
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
    from featurestore.definitions.types import (
        Bool,
        Bytes,
        Date,
        Decimal,
        FeatureType,
        Float16,
        Float32,
        Float64,
        Int8,
        Int16,
        Int32,
        Int64,
        List,
        Map,
        String,
        Timestamp,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Vector,
        ZonedTimestamp,
    )
    from featurestore.definitions.view import FeatureView
    from featurestore.definitions.windows import LIFETIME
    from featurestore.leakage.frame import check_frame
    from featurestore.leakage.report import LeakageReport
    from featurestore.monitoring.reports import ExpectationReport, Suggestion
    from featurestore.online.response import OnlineFeatures
    from featurestore.online.status import Status
    from featurestore.planning.training_frame import TrainingFrame
    from featurestore.protocols.expectations import CheckResult
    from featurestore.report.report import Report
    from featurestore.statistics.drift import DriftReport
    from featurestore.statistics.profile import FeatureProfile, Profile
    from featurestore.statistics.thresholds import DriftThresholds, FeatureThresholds
    from featurestore.store import FeatureStore
    from featurestore.training_sets.training_set import TrainingSet

__version__ = "0.1.0"

__all__ = [
    "LIFETIME",
    "Aggregation",
    "AllowedValues",
    "Bool",
    "Bytes",
    "CSVSource",
    "CheckResult",
    "Date",
    "Decimal",
    "DriftReport",
    "DriftThresholds",
    "DuckDBSource",
    "Entity",
    "EntitySplit",
    "Expectation",
    "ExpectationReport",
    "Feature",
    "FeatureProfile",
    "FeatureService",
    "FeatureStore",
    "FeatureThresholds",
    "FeatureType",
    "FeatureView",
    "Float16",
    "Float32",
    "Float64",
    "Freshness",
    "InMemorySource",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "LeakageReport",
    "List",
    "Map",
    "NullShare",
    "OnlineFeatures",
    "ParquetSource",
    "PostgresSource",
    "Profile",
    "RandomSplit",
    "Report",
    "RowCount",
    "RowsArrived",
    "Schedule",
    "SnowflakeSource",
    "Source",
    "Split",
    "SqlSource",
    "Status",
    "StratifiedSplit",
    "String",
    "Suggestion",
    "TimeSplit",
    "Timestamp",
    "TrainingFrame",
    "TrainingSet",
    "Transform",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "UniqueKeys",
    "ValueRange",
    "Vector",
    "ViewReference",
    "ZonedTimestamp",
    "check_frame",
    "transform",
]

_HOMES = {
    "Aggregation": "featurestore.definitions.aggregation",
    "AllowedValues": "featurestore.definitions.expectations",
    "Bool": "featurestore.definitions.types",
    "Bytes": "featurestore.definitions.types",
    "CSVSource": "featurestore.definitions.source",
    "CheckResult": "featurestore.protocols.expectations",
    "Date": "featurestore.definitions.types",
    "Decimal": "featurestore.definitions.types",
    "DriftReport": "featurestore.statistics.drift",
    "DriftThresholds": "featurestore.statistics.thresholds",
    "DuckDBSource": "featurestore.definitions.database",
    "Entity": "featurestore.definitions.entity",
    "EntitySplit": "featurestore.definitions.splits",
    "Expectation": "featurestore.definitions.expectation",
    "ExpectationReport": "featurestore.monitoring.reports",
    "Feature": "featurestore.definitions.feature",
    "FeatureProfile": "featurestore.statistics.profile",
    "FeatureService": "featurestore.definitions.service",
    "FeatureStore": "featurestore.store",
    "FeatureThresholds": "featurestore.statistics.thresholds",
    "FeatureType": "featurestore.definitions.types",
    "FeatureView": "featurestore.definitions.view",
    "Float16": "featurestore.definitions.types",
    "Float32": "featurestore.definitions.types",
    "Float64": "featurestore.definitions.types",
    "Freshness": "featurestore.definitions.expectations",
    "InMemorySource": "featurestore.definitions.source",
    "Int16": "featurestore.definitions.types",
    "Int32": "featurestore.definitions.types",
    "Int64": "featurestore.definitions.types",
    "Int8": "featurestore.definitions.types",
    "LIFETIME": "featurestore.definitions.windows",
    "LeakageReport": "featurestore.leakage.report",
    "List": "featurestore.definitions.types",
    "Map": "featurestore.definitions.types",
    "NullShare": "featurestore.definitions.expectations",
    "OnlineFeatures": "featurestore.online.response",
    "ParquetSource": "featurestore.definitions.source",
    "PostgresSource": "featurestore.definitions.database",
    "Profile": "featurestore.statistics.profile",
    "RandomSplit": "featurestore.definitions.splits",
    "Report": "featurestore.report.report",
    "RowCount": "featurestore.definitions.expectations",
    "RowsArrived": "featurestore.definitions.expectations",
    "Schedule": "featurestore.definitions.schedule",
    "SnowflakeSource": "featurestore.definitions.database",
    "Source": "featurestore.definitions.source",
    "Split": "featurestore.definitions.splits",
    "SqlSource": "featurestore.definitions.database",
    "Status": "featurestore.online.status",
    "StratifiedSplit": "featurestore.definitions.splits",
    "String": "featurestore.definitions.types",
    "Suggestion": "featurestore.monitoring.reports",
    "TimeSplit": "featurestore.definitions.splits",
    "Timestamp": "featurestore.definitions.types",
    "TrainingFrame": "featurestore.planning.training_frame",
    "TrainingSet": "featurestore.training_sets.training_set",
    "Transform": "featurestore.definitions.transform",
    "UInt16": "featurestore.definitions.types",
    "UInt32": "featurestore.definitions.types",
    "UInt64": "featurestore.definitions.types",
    "UInt8": "featurestore.definitions.types",
    "UniqueKeys": "featurestore.definitions.expectations",
    "ValueRange": "featurestore.definitions.expectations",
    "Vector": "featurestore.definitions.types",
    "ViewReference": "featurestore.definitions.reference",
    "ZonedTimestamp": "featurestore.definitions.types",
    "check_frame": "featurestore.leakage.frame",
    "transform": "featurestore.definitions.transform",
}


def __getattr__(name: str) -> _typing.Any:
    # Each name is loaded when it is first used: a command's help text needs no definitions, these no engine.
    if name not in _HOMES:
        raise AttributeError(f"module 'featurestore' has no attribute {name!r}")
    found = globals()[name] = getattr(_importlib.import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return __all__
