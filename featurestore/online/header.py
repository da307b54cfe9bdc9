"""The header of a stored row: 34 bytes that stores compare without knowing the view.

======  =====  =======================================================================================
offset  bytes  meaning
======  =====  =======================================================================================
0       1      format version
1       1      flags: 1 if the row was pushed, 0 if it was materialized
2       8      fingerprint of the schema
10      8      event timestamp, microseconds, big-endian with the sign bit flipped
18      8      created timestamp likewise; zeros: null
26      8      run number, big-endian: the run that wrote the row, or the latest that had begun at the push
======  =====  =======================================================================================

Numbers are in the order of their bytes, so bytes 10 to 26 of two rows compare as ``(event, created)``.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

FORMAT_VERSION: Final = 1
PUSHED: Final = 1
HEADER_SIZE: Final = 34
SIGN: Final = 1 << 63

_HEADER: Final = struct.Struct(">BB8sQQQ")
_NUMBER: Final = struct.Struct(">Q")


class Header(NamedTuple):
    """A header's fields; `created` is None where it is null."""

    pushed: bool
    fingerprint: bytes
    event: int
    created: int | None
    written: int


def read_header(row: bytes) -> Header:
    """The header of a stored row."""
    _, flags, fingerprint, event, created, written = _HEADER.unpack_from(row)
    return Header(
        pushed=bool(flags & PUSHED),
        fingerprint=fingerprint,
        event=event - SIGN,
        created=created - SIGN if created else None,
        written=written,
    )


def write_header(header: Header) -> bytes:
    """The bytes of a header."""
    created = 0 if header.created is None else header.created + SIGN
    flags = PUSHED if header.pushed else 0
    return _HEADER.pack(
        FORMAT_VERSION, flags, header.fingerprint, header.event + SIGN, created, header.written
    )


def is_pushed(row: bytes) -> bool:
    """Whether the row was pushed."""
    return row[1] == PUSHED


def event_bytes(row: bytes) -> bytes:
    """The event timestamp in the form of `order_preserving`."""
    return row[10:18]


def event_and_created(row: bytes) -> bytes:
    """``(event, created)`` as bytes in the same order."""
    return row[10:26]


def written_bytes(row: bytes) -> bytes:
    """The run number in the form of `run_number`."""
    return row[26:34]


def order_preserving(instant: int) -> bytes:
    """Microseconds as eight bytes that are in the order of the instants."""
    return _NUMBER.pack(instant + SIGN)


def run_number(run: int) -> bytes:
    """A run number as eight bytes that are in the order of the runs."""
    return _NUMBER.pack(run)
