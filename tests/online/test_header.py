from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from featurestore.online.header import (
    HEADER_SIZE,
    Header,
    event_and_created,
    order_preserving,
    read_header,
    run_number,
    write_header,
)

_runs = st.integers(0, 2**32 - 1)
_instants = st.integers(-(2**63) + 1, 2**63 - 1)


def test_golden_bytes() -> None:
    pushed = Header(pushed=True, fingerprint=b"ABCD", event=1_700_000_000_000_000, created=-1, written=258)
    assert write_header(pushed).hex() == (
        "82" "41424344" "80060a24181e4000" "7fffffffffffffff" "00000102"
    )  # fmt: skip
    materialized = Header(pushed=False, fingerprint=b"\0" * 4, event=-1, created=None, written=0)
    assert write_header(materialized).hex() == "02" + "00" * 4 + "7fffffffffffffff" + "00" * 12


@given(
    st.booleans(),
    st.binary(min_size=4, max_size=4),
    _instants,
    st.none() | _instants,
    _runs,
)
def test_what_is_written_is_read(
    pushed: bool, fingerprint: bytes, event: int, created: int | None, written: int
) -> None:
    header = Header(pushed, fingerprint, event, created, written)
    row = write_header(header) + b"values"
    assert read_header(row) == header
    assert len(row) == HEADER_SIZE + 6


@given(_instants, st.none() | _instants, _instants, st.none() | _instants)
def test_bytes_are_in_the_order_of_event_and_created(a: int, ca: int | None, b: int, cb: int | None) -> None:
    first, second = (write_header(Header(False, b"f" * 4, e, c, 1)) for e, c in ((a, ca), (b, cb)))

    def order(event: int, created: int | None) -> tuple[int, bool, int]:
        return event, created is not None, created or 0

    assert (event_and_created(first) < event_and_created(second)) == (order(a, ca) < order(b, cb))
    assert (order_preserving(a) < order_preserving(b)) == (a < b)


@given(_runs, _runs)
def test_bytes_are_in_the_order_of_runs(a: int, b: int) -> None:
    assert (run_number(a) < run_number(b)) == (a < b)
