"""Real servers as child processes, for tests, demos and benchmarks.

    with RedisServer.start_new() as server:
        store = FeatureStore(registry="sqlite:///registry.db", online=server.url)

Each server listens on a free loopback port, keeps its files in a temporary folder of its own, and ends with
the ``with`` block. Several processes may start servers at the same moment.
"""

from __future__ import annotations

from featurestore.testing.servers.gcs import GoogleStorageServer
from featurestore.testing.servers.postgres import PostgresServer
from featurestore.testing.servers.process import ServerError
from featurestore.testing.servers.redis import RedisServer
from featurestore.testing.servers.s3 import S3Server

__all__ = ["GoogleStorageServer", "PostgresServer", "RedisServer", "S3Server", "ServerError"]
