"""The header of a stored row: 25 bytes that stores compare without knowing the view.

======  =====  =======================================================================================
offset  bytes  meaning
======  =====  =======================================================================================
0       1      format version; and the highest bit, if the row was pushed and not materialized
1       4      fingerprint of the schema
5       8      event timestamp, microseconds, big-endian with the sign bit flipped
13      8      created timestamp likewise; zeros: null
21      4      run number, big-endian: the run that wrote the row, or the latest that had begun at the push
======  =====  =======================================================================================

Numbers are in the order of their bytes, so bytes 5 to 21 of two rows compare as ``(event, created)``.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

FORMAT_VERSION: Final = 2
PUSHED: Final = 0x80
HEADER_SIZE: Final = 25
FINGERPRINT_SIZE: Final = 4
SIGN: Final = 1 << 63

_HEADER: Final = struct.Struct(f">B{FINGERPRINT_SIZE}sQQI")
_INSTANT: Final = struct.Struct(">Q")
_RUN: Final = struct.Struct(">I")


class Header(NamedTuple):
    """A header's fields; `created` is None where it is null."""

    pushed: bool
    fingerprint: bytes
    event: int
    created: int | None
    written: int


def read_header(row: bytes) -> Header:
    """The header of a stored row."""
    version, fingerprint, event, created, written = _HEADER.unpack_from(row)
    return Header(
        pushed=bool(version & PUSHED),
        fingerprint=fingerprint,
        event=event - SIGN,
        created=created - SIGN if created else None,
        written=written,
    )


def write_header(header: Header) -> bytes:
    """The bytes of a header."""
    created = 0 if header.created is None else header.created + SIGN
    version = version_byte(pushed=header.pushed)
    return _HEADER.pack(version, header.fingerprint, header.event + SIGN, created, header.written)


def version_byte(*, pushed: bool) -> int:
    """The first byte of a row that is written today."""
    return FORMAT_VERSION | (PUSHED if pushed else 0)


def format_of(row: bytes) -> int:
    """The version of the format that a row was written in."""
    return row[0] & ~PUSHED


def fingerprint_of(row: bytes) -> bytes:
    """The fingerprint of the schema that a row was written in."""
    return row[1:5]


def is_pushed(row: bytes) -> bool:
    """Whether the row was pushed."""
    return row[0] >= PUSHED


def event_bytes(row: bytes) -> bytes:
    """The event timestamp in the form of `order_preserving`."""
    return row[5:13]


def event_and_created(row: bytes) -> bytes:
    """``(event, created)`` as bytes in the same order."""
    return row[5:21]


def written_bytes(row: bytes) -> bytes:
    """The run number in the form of `run_number`."""
    return row[21:25]


def order_preserving(instant: int) -> bytes:
    """Microseconds as eight bytes that are in the order of the instants."""
    return _INSTANT.pack(instant + SIGN)


def run_number(run: int) -> bytes:
    """A run number as four bytes that are in the order of the runs."""
    return _RUN.pack(run)
