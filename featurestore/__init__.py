"""A feature store: features defined once, the same in training and serving.

A feature view is a function from (entity, time) to values that never looks past that time.
"""

from __future__ import annotations

import importlib as _importlib
import typing as _typing

from featurestore.definitions import (
    LIFETIME,
    Aggregation,
    AllowedValues,
    CSVSource,
    DuckDBSource,
    Entity,
    EntitySplit,
    Expectation,
    Feature,
    FeatureService,
    FeatureView,
    Freshness,
    InMemorySource,
    NullShare,
    ParquetSource,
    PostgresSource,
    RandomSplit,
    RowCount,
    RowsArrived,
    Schedule,
    SnowflakeSource,
    Source,
    Split,
    SqlSource,
    StratifiedSplit,
    TimeSplit,
    Transform,
    UniqueKeys,
    ValueRange,
    ViewReference,
    transform,
)
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

if _typing.TYPE_CHECKING:
    from featurestore.leakage.frame import check_frame
    from featurestore.leakage.report import LeakageReport
    from featurestore.monitoring.reports import ExpectationReport, Suggestion
    from featurestore.online.response import OnlineFeatures, Status
    from featurestore.planning.training_frame import TrainingFrame
    from featurestore.protocols.expectations import CheckResult
    from featurestore.report.report import Report
    from featurestore.statistics.drift import DriftReport
    from featurestore.statistics.profile import FeatureProfile, Profile
    from featurestore.statistics.thresholds import DriftThresholds, FeatureThresholds
    from featurestore.store import FeatureStore
    from featurestore.training_sets.training_set import TrainingSet

__version__ = "0.1.0"

_LAZY = {
    "CheckResult": "featurestore.protocols.expectations",
    "DriftReport": "featurestore.statistics.drift",
    "DriftThresholds": "featurestore.statistics.thresholds",
    "ExpectationReport": "featurestore.monitoring.reports",
    "FeatureProfile": "featurestore.statistics.profile",
    "FeatureStore": "featurestore.store",
    "FeatureThresholds": "featurestore.statistics.thresholds",
    "LeakageReport": "featurestore.leakage.report",
    "OnlineFeatures": "featurestore.online.response",
    "Profile": "featurestore.statistics.profile",
    "Report": "featurestore.report.report",
    "Status": "featurestore.online.response",
    "Suggestion": "featurestore.monitoring.reports",
    "TrainingFrame": "featurestore.planning.training_frame",
    "TrainingSet": "featurestore.training_sets.training_set",
    "check_frame": "featurestore.leakage.frame",
}

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


def __getattr__(name: str) -> _typing.Any:
    # Engines, drivers and Arrow are loaded when a store is opened, not when definitions are written.
    if name not in _LAZY:
        raise AttributeError(f"module 'featurestore' has no attribute {name!r}")
    return getattr(_importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return __all__
