"""The local Snowflake server: what fakesnow lacks and the tests of the connector rest on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from featurestore.errors import SourceError
from featurestore_connectors.snowflake.connections import Session
from tests.servers.snowflake_server import SnowflakeServer


@pytest.fixture
def session(snowflake_to_break: SnowflakeServer) -> Iterator[Session]:
    with Session(source="tests", url="${SNOWFLAKE_URL}") as opened:
        yield opened


def test_times_that_are_null_stay_so(session: Session):
    found = session.table("SELECT column1::TIMESTAMP_NTZ AS x FROM VALUES ('1960-01-01 00:00:00.5'), (NULL)")
    assert found.column("x").to_pylist() == [datetime(1960, 1, 1, 0, 0, 0, 500000), None]


def test_asof_join_keeps_the_rows_of_the_left_side(session: Session):
    entities = "SELECT column1 AS n, column2 AS k FROM VALUES (1, 'a'), (5, 'a'), (5, 'b'), (NULL, 'a')"
    rows = "SELECT column1 AS n, column2 AS k, column3 AS x FROM VALUES (2, 'a', 10), (4, 'a', 20)"
    found = session.table(
        f"SELECT e.n AS n, e.k AS k, p.x AS x FROM ({entities}) e ASOF JOIN ({rows}) p "
        "MATCH_CONDITION (e.n >= p.n) ON e.k = p.k"
    )
    answers: set[tuple[Any, ...]] = {tuple(row.values()) for row in found.to_pylist()}
    assert answers == {(1, "a", None), (5, "a", 20), (5, "b", None), (None, "a", None)}


def test_files_are_uploaded_and_what_a_session_made_is_gone_with_it(
    session: Session, snowflake_to_break: SnowflakeServer
):
    session.ingest("uploaded", pa.table({"a": [1, None], "b": ["", "\\N"]}))
    assert session.table("SELECT * FROM uploaded ORDER BY a").to_pylist() == [
        {"a": 1, "b": ""},
        {"a": None, "b": "\\N"},
    ]
    assert session.table("SHOW STAGES").num_rows == 0
    with (
        Session(source="tests", url="${SNOWFLAKE_URL}") as other,
        pytest.raises(SourceError, match="UPLOADED"),
    ):
        other.table("SELECT * FROM uploaded")
