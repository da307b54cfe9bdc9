"""What a ``redis://`` URL says."""

from __future__ import annotations

from typing import Any, NamedTuple

import redis.asyncio.connection
import redis.connection

from featurestore.errors import ConfigurationError

# The driver's functions are not all annotated.
_synchronous: Any = redis.connection
_asynchronous: Any = redis.asyncio.connection
_SCHEMES = ("redis", "rediss")
_DEFAULTS: dict[str, Any] = {
    "host": "localhost",
    "port": 6379,
    "db": 0,
    "socket_timeout": 5.0,
    "socket_connect_timeout": 5.0,
    "socket_keepalive": True,
    "max_connections": 32,
    "timeout": 5.0,
}
# Replies are bytes, and nothing comes that was not asked for: what is left on a connection can be noticed.
_FIXED = {"decode_responses": False, "protocol": 2}


class Options(NamedTuple):
    """Options for the pools of both kinds.

    Attributes:
        where: the server, without user and password.
    """

    where: str
    threads: dict[str, Any]
    loops: dict[str, Any]


def parse(url: str) -> Options:
    """Read ``redis://[user[:password]@]host[:port][/database][?option=value]`` or ``rediss://…``.

    Options are those of redis-py's connections (``socket_timeout``, ``ssl_ca_certs``, …), and
    ``max_connections`` and ``timeout`` (seconds to wait for one) of their pool.

    Raises:
        ConfigurationError: if it cannot be read; without the URL, which may hold a password.
    """
    scheme = url.partition("://")[0]
    if scheme not in _SCHEMES:
        raise ConfigurationError(
            "The URL of the Redis online store has to begin with redis:// or rediss:// (TLS).",
            hint="Write redis://:${REDIS_PASSWORD}@host:6379/0.",
        )
    try:
        threads = {**_DEFAULTS, **_synchronous.parse_url(url), **_FIXED}
        loops = {**_DEFAULTS, **_asynchronous.parse_url(url), **_FIXED}
        pool = _synchronous.BlockingConnectionPool(**threads)
        pool.connection_class(**pool.connection_kwargs)  # knows which options there are; does not connect
    except (TypeError, ValueError):
        # Not chained: the driver's message repeats parts of the URL.
        raise ConfigurationError(
            f"The URL of the Redis online store ({scheme}://…) cannot be read, or has an unknown option.",
            hint="Write redis://user:password@host:6379/0?socket_timeout=5; percent-encode special characters.",
        ) from None
    return Options(f"{scheme}://{threads['host']}:{threads['port']}/{threads['db']}", threads, loops)
