"""Commands as the bytes that go over the wire (https://redis.io/docs/latest/develop/reference/protocol-spec/).

Joined by hand: a pipeline of the driver spends several times as long on packing as the server on serving.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from featurestore.online.keys import key_frame
from featurestore.protocols.online import SpaceKeys


def command(*parts: bytes) -> bytes:
    """A command with its arguments."""
    return b"*%d\r\n%b" % (len(parts), b"".join(map(bulk, parts)))


def bulk(octets: bytes) -> bytes:
    """One argument."""
    return b"$%d\r\n%b\r\n" % (len(octets), octets)


def full_key(space: bytes, key: bytes) -> bytes:
    """Under which key the row of an entity is stored."""
    start, end = key_frame(space)
    return start + key + end


def row_keys(space: bytes, keys: Sequence[bytes]) -> bytes:
    """The keys of rows as arguments."""
    start, end = key_frame(space)
    frame = len(start) + len(end)
    if len(set(map(len, keys))) == 1:  # the usual case, and ten times as fast
        head = b"$%d\r\n%b" % (frame + len(keys[0]), start)
        tail = end + b"\r\n"
        return head + (tail + head).join(keys) + tail
    return b"".join(b"$%d\r\n%b%b%b\r\n" % (frame + len(key), start, key, end) for key in keys)


def get_many(requests: Sequence[SpaceKeys]) -> bytes:
    """MGET of all keys."""
    arguments = [row_keys(request.space, request.keys) for request in requests]
    count = sum(len(request.keys) for request in requests)
    return b"*%d\r\n$4\r\nMGET\r\n%b" % (count + 1, b"".join(arguments))


def set_all_if_all_absent(space: bytes, pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    """MSETNX of some rows: all are written, or, if one is there already, none is."""
    start, end = key_frame(space)
    frame = len(start) + len(end)
    rows = b"".join(
        b"$%d\r\n%b%b%b\r\n$%d\r\n%b\r\n" % (frame + len(key), start, key, end, len(row), row)
        for key, row in pairs
    )
    return b"*%d\r\n$6\r\nMSETNX\r\n%b" % (1 + 2 * len(pairs), rows)


def set_if_absent(space: bytes, pairs: Sequence[tuple[bytes, bytes]], expiry: bytes) -> bytes:
    """One SET … NX per row, which expires after so many milliseconds."""
    start, end = key_frame(space)
    frame = len(start) + len(end)
    options = b"$2\r\nNX\r\n$2\r\nPX\r\n" + bulk(expiry)
    head = b"*6\r\n$3\r\nSET\r\n"
    return b"".join(
        b"%b$%d\r\n%b%b%b\r\n$%d\r\n%b\r\n%b"
        % (head, frame + len(key), start, key, end, len(row), row, options)
        for key, row in pairs
    )


def run_script(
    digest: bytes, space: bytes, pairs: Sequence[tuple[bytes, bytes]], arguments: Sequence[bytes]
) -> bytes:
    """EVALSHA with the keys of rows, `arguments`, and the rows."""
    count = 3 + len(pairs) + len(arguments) + len(pairs)
    keys = row_keys(space, [key for key, _ in pairs])
    rest = b"".join(map(bulk, (*arguments, *(row for _, row in pairs))))
    return b"*%d\r\n$7\r\nEVALSHA\r\n%b%b%b%b" % (count, bulk(digest), bulk(b"%d" % len(pairs)), keys, rest)


def milliseconds(duration: timedelta) -> bytes:
    """A duration in whole milliseconds, rounded up."""
    return b"%d" % -(-duration // timedelta(milliseconds=1))
