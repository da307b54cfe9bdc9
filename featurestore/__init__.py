"""A feature store: features defined once, the same in training and serving.

A feature view is a function from (entity, time) to values that never looks past that time.
"""

from __future__ import annotations

import importlib as _importlib
import typing as _typing

from featurestore.definitions import (
    LIFETIME,
    Aggregation,
    CSVSource,
    DuckDBSource,
    Entity,
    EntitySplit,
    Feature,
    FeatureService,
    FeatureView,
    InMemorySource,
    ParquetSource,
    PostgresSource,
    RandomSplit,
    Schedule,
    Source,
    Split,
    SqlSource,
    StratifiedSplit,
    TimeSplit,
    Transform,
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
    from featurestore.online.response import OnlineFeatures, Status
    from featurestore.planning.training_frame import TrainingFrame
    from featurestore.statistics.profile import FeatureProfile, Profile
    from featurestore.store import FeatureStore
    from featurestore.training_sets.training_set import TrainingSet

__version__ = "0.1.0"

_LAZY = {
    "FeatureProfile": "featurestore.statistics.profile",
    "FeatureStore": "featurestore.store",
    "LeakageReport": "featurestore.leakage.report",
    "OnlineFeatures": "featurestore.online.response",
    "Profile": "featurestore.statistics.profile",
    "Status": "featurestore.online.response",
    "TrainingFrame": "featurestore.planning.training_frame",
    "TrainingSet": "featurestore.training_sets.training_set",
    "check_frame": "featurestore.leakage.frame",
}

__all__ = [
    "LIFETIME",
    "Aggregation",
    "Bool",
    "Bytes",
    "CSVSource",
    "Date",
    "Decimal",
    "DuckDBSource",
    "Entity",
    "EntitySplit",
    "Feature",
    "FeatureProfile",
    "FeatureService",
    "FeatureStore",
    "FeatureType",
    "FeatureView",
    "Float16",
    "Float32",
    "Float64",
    "InMemorySource",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "LeakageReport",
    "List",
    "Map",
    "OnlineFeatures",
    "ParquetSource",
    "PostgresSource",
    "Profile",
    "RandomSplit",
    "Schedule",
    "Source",
    "Split",
    "SqlSource",
    "Status",
    "StratifiedSplit",
    "String",
    "TimeSplit",
    "Timestamp",
    "TrainingFrame",
    "TrainingSet",
    "Transform",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
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
