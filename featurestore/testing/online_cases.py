"""Rows, keys, spaces and literal cases for the conformance suite of online stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from featurestore.online.header import Header, write_header
from featurestore.protocols.online import MaterializedWrite, PushedWrite

_FINGERPRINT: Final = b"fp\x00\xff"


def materialized(event: int, *, created: int | None = None, run: int = 5, payload: bytes = b"") -> bytes:
    """A row that run number `run` writes."""
    return write_header(Header(False, _FINGERPRINT, event, created, run)) + payload


def pushed(event: int, *, created: int | None = None, run: int = 4, payload: bytes = b"") -> bytes:
    """A row that is pushed after run number `run` has begun and before the next one has."""
    return write_header(Header(True, _FINGERPRINT, event, created, run)) + payload


NASTY_KEYS: Final = [
    b"", b"\0", b"\0\0", b"\0x", b"}", b"{", b"{}", b"}{", b"}}", b":", b"{e", b"{e}", b"e}", b"pushed", b"*", b"?",
    b"[a]", b"\\", b"\r\n", b"$3\r\nabc\r\n", b"\x80", b"\xff", b"\xff" * 300, b"\xc3", b"a", b"A", b"a ", b"'",
    b"x:{ea}", b"%d", b"%s", b"%",
]  # fmt: skip

NEIGHBOURS: Final = [
    b"fs1:p:v@1:1:",
    b"fs1:p:*@1:1:",
    b"fs1:p:v@1:2:",
    b"fs1:p:v@1:11:",
    b"fs1:p:v@11:1:",
    b"fs1:xp:v@1:1:",
    b"fs1:p:xv@1:1:",
    b"fs1:p:v_:1:",
    b"fs1:p:[v]@1:1:",
    b"fs1:p:?@1:1:",
]
"""Spaces that a careless pattern or prefix would confuse; the first two are changed by the test."""


@dataclass(frozen=True)
class RuleCase:
    """What is stored, what comes, and what is stored then (None: nothing)."""

    name: str
    stored: bytes | None
    incoming: bytes
    rule: MaterializedWrite | PushedWrite
    expected: bytes | None

    def __str__(self) -> str:
        return self.name


_RUN: Final = MaterializedWrite(run=5, end=1_000)
_PUSH: Final = PushedWrite()


def _replaced(
    name: str, stored: bytes | None, incoming: bytes, rule: MaterializedWrite | PushedWrite
) -> RuleCase:
    return RuleCase(f"{name}: replaced", stored, incoming, rule, incoming or None)


def _kept(name: str, stored: bytes, incoming: bytes, rule: MaterializedWrite | PushedWrite) -> RuleCase:
    return RuleCase(f"{name}: kept", stored, incoming, rule, stored)


_M: Final = materialized(500)
_P: Final = pushed(500, created=50, payload=b"m")
RULE_CASES: Final = [
    _replaced("run over nothing", None, _M, _RUN),
    _replaced("run over an earlier run", materialized(400, run=4), _M, _RUN),
    _replaced("run over an earlier run's later event", materialized(900, run=4), _M, _RUN),
    _replaced("run over itself", materialized(900, run=5), _M, _RUN),
    _kept("run over a later run", materialized(400, run=6), _M, _RUN),
    _kept("run 255 over run 256", materialized(1, run=256), _M, MaterializedWrite(run=255, end=1_000)),
    _replaced("run over an older push", pushed(499), _M, _RUN),
    _replaced("run over an older push of after its begin", pushed(499, run=5), _M, _RUN),
    _replaced("run over a push at the same event", pushed(500, created=9, run=5), _M, _RUN),
    _replaced("run over a later push that it has seen", pushed(501), _M, _RUN),
    _replaced("run over a push at its end that it has seen", pushed(1_000), _M, _RUN),
    _kept("run over a later push of after its begin", pushed(501, run=5), _M, _RUN),
    _kept("run over a later push of after a later begin", pushed(501, run=6), _M, _RUN),
    _kept("run over a push later than its end", pushed(1_001), _M, _RUN),
    _kept("run at a negative end", pushed(-1), materialized(-9), MaterializedWrite(run=5, end=-2)),
    _replaced("nothing over nothing", None, b"", _RUN),
    _replaced("nothing over an earlier run", materialized(900, run=4), b"", _RUN),
    _replaced("nothing over the same run", materialized(900, run=5), b"", _RUN),
    _kept("nothing over a later run", materialized(400, run=6), b"", _RUN),
    _replaced("nothing over a push that it has seen", pushed(1_000), b"", _RUN),
    _kept("nothing over a push of after its begin", pushed(1, run=5), b"", _RUN),
    _kept("nothing over a push later than its end", pushed(1_001), b"", _RUN),
    _replaced("push over nothing", None, _P, _PUSH),
    _replaced("push over an older run's row", materialized(499), _P, _PUSH),
    _replaced("push over a later run's older row", materialized(499, run=9), _P, _PUSH),
    _kept("push over a run's row at the same event", materialized(500), _P, _PUSH),
    _kept("push over a run's later row", materialized(501, run=1), _P, _PUSH),
    _replaced("push over an older push", pushed(499, created=99, payload=b"z"), _P, _PUSH),
    _replaced("push over a push of before 1970", pushed(-500, created=99), _P, _PUSH),
    _replaced("push over a push with an older created", pushed(500, created=49, payload=b"z"), _P, _PUSH),
    _replaced("push over a push with a null created", pushed(500, payload=b"z"), _P, _PUSH),
    _replaced("push over a push with a negative created", pushed(500, created=-7, payload=b"z"), _P, _PUSH),
    _kept("push over a push with a later created", pushed(500, created=51), _P, _PUSH),
    _kept("push over a later push", pushed(501), _P, _PUSH),
    _kept("push over a greater one of the same times", pushed(500, created=50, payload=b"m\0"), _P, _PUSH),
    _kept("push over a greater byte above 127", pushed(500, created=50, payload=b"\x80"), _P, _PUSH),
    _replaced("push over a lesser one of the same times", pushed(500, created=50, payload=b"lz"), _P, _PUSH),
    _replaced("push over a capital letter", pushed(500, created=50, payload=b"Z"), _P, _PUSH),
    _kept("push 127 over push 128", pushed(128), pushed(127), _PUSH),
    _kept("push 255 over push 256", pushed(256), pushed(255), _PUSH),
]
