"""Redis, Valkey and other servers of the same protocol."""

from __future__ import annotations

from featurestore_connectors.redis.store import RedisOnlineStore

__all__ = ["RedisOnlineStore"]
