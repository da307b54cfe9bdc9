"""Snowflake, read through its own driver as Arrow."""

from __future__ import annotations

from featurestore_connectors.snowflake.engine import SnowflakeEngine
from featurestore_connectors.snowflake.reader import SnowflakeReader

__all__ = ["SnowflakeEngine", "SnowflakeReader"]
