"""How values read, for programs and for people."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from featurestore.cli.output import cell, duration, moment, plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (2**53 + 1, 2**53 + 1),
        (True, True),
        (0.1, 0.1),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (Decimal("1.10"), "1.10"),
        (b"\x00\xff", "00ff"),
        (date(2024, 2, 29), "2024-02-29"),
        (datetime(2024, 2, 29, 12, tzinfo=UTC), "2024-02-29T12:00:00+00:00"),
        (timedelta(minutes=1.5), 90.0),
        ([1.0, None, math.inf], [1.0, None, "Infinity"]),
    ],
)
def test_json(value: Any, expected: Any) -> None:
    assert plain({"value": value}) == {"value": expected}
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        ("null [bold]", "null [bold]"),
        (False, "false"),
        (0.1 + 0.2, "0.30000000000000004"),
        (datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=UTC), "2024-02-29 12:00:00.000001"),
        (datetime(2024, 2, 29, 12, tzinfo=ZoneInfo("Asia/Tokyo")), "2024-02-29 12:00:00+09:00"),
        ([1, None], "[1, null]"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …"),
    ],
)
def test_cells(value: Any, expected: str) -> None:
    assert cell(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "–"),
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_723, "1 h 2 min"),
        (86_400 * 3 + 59, "3 d"),
        (86_400 * 400, "400 d"),
    ],
)
def test_durations(seconds: float | None, expected: str) -> None:
    assert duration(seconds) == expected


def test_moments() -> None:
    instant = datetime(2024, 2, 29, 12, 30, 1, 999_999, tzinfo=UTC)
    assert moment(instant) == "2024-02-29 12:30:01.999999"
    assert moment(instant, exact=False) == "2024-02-29 12:30:01"
    assert moment(None) == "–"
