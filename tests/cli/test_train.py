"""get-historical and get-latest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from tests.cli.conftest import CommandLine


@pytest.fixture
def applied(project: Path, cli: CommandLine) -> Path:
    cli.run("apply")
    return project


def test_a_file_in_and_a_file_out(cli: CommandLine, applied: Path) -> None:
    words = ["--features", "drivers", "--entities", "rows.parquet", "--output", "frame.parquet"]
    document = cli.json("get-historical", *words)
    assert (document["num_rows"], document["output"]) == (6, "frame.parquet")
    written, given = pq.read_table("frame.parquet"), pq.read_table("rows.parquet")
    assert written.select(given.column_names).equals(given)
    assert [column["name"] for column in document["columns"]] == written.column_names
    assert written.column_names == ["driver_id", "event_timestamp", "rating", "trips", "acceptance", "city"]
    with fs.FeatureStore() as store:
        assert store.get_historical_features(given, "drivers").to_arrow().equals(written)


def test_the_first_rows_are_shown(cli: CommandLine, applied: Path) -> None:
    words = ["-f", "driver_stats:city", "-f", "driver_stats:trips", "--entities", "rows.parquet"]
    document = cli.json("get-historical", *words, "--limit", "2")
    assert document["num_rows"] == 6
    given = pq.read_table("rows.parquet").to_pylist()
    assert [row["event_timestamp"] for row in document["rows"]] == [
        row["event_timestamp"].isoformat() for row in given[:2]
    ]
    assert [row["city"] for row in document["rows"]] == ["Oslo", "Oslo"]
    shown = cli.text("get-historical", *words, "--limit", "2")
    assert len(shown.splitlines()) == 2 + 2 + 1 + 1
    assert "6 rows, 5 columns; the first 2 are shown" in shown
    assert "first" not in cli.text("get-historical", *words)


def test_rows_of_a_csv_file(cli: CommandLine, applied: Path) -> None:
    when = (datetime.now(UTC) - timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    (applied / "rows.csv").write_text(f'driver_id,at,note\n1001,{when},"a,b"\n,{when},\n')
    words = ["-f", "drivers", "--entities", "rows.csv", "--event-timestamp", "at", "--full-feature-names"]
    rows = cli.json("get-historical", *words)["rows"]
    assert [(row["driver_id"], row["note"]) for row in rows] == [(1001, "a,b"), (None, None)]
    assert [row["driver_stats__city"] for row in rows] == ["Oslo", None]


def test_rows_of_a_query(cli: CommandLine, applied: Path) -> None:
    query = (
        "SELECT driver_id, measured_at + INTERVAL 10 MINUTE AS event_timestamp, trips_today AS expected "
        "FROM driver_days WHERE driver_id = 1002 ORDER BY measured_at DESC"
    )
    document = cli.json("get-historical", "-f", "driver_stats:trips", "--sql", query, "--limit", "100")
    assert document["num_rows"] == 72
    assert all(row["trips"] == row["expected"] for row in document["rows"])


def test_times_without_a_zone(cli: CommandLine, applied: Path) -> None:
    utc = datetime.now(UTC).replace(minute=30, second=0, microsecond=0) - timedelta(hours=5)
    naive = (utc + timedelta(hours=9)).replace(tzinfo=None)  # Tokyo has no daylight saving
    table = pa.table({"driver_id": [1002], "event_timestamp": pa.array([naive], pa.timestamp("us"))})
    pq.write_table(table, "tokyo.parquet")
    pq.write_table(table.set_column(1, "event_timestamp", pa.array([utc])), "utc.parquet")
    words = ["get-historical", "-f", "driver_stats:trips", "--entities"]
    (there,) = cli.json(*words, "tokyo.parquet", "--timezone", "Asia/Tokyo")["rows"]
    (here,) = cli.json(*words, "utc.parquet")["rows"]
    assert there["trips"] == here["trips"] is not None
    assert there["event_timestamp"] == naive.isoformat()


def test_latest_values_at_an_instant(cli: CommandLine, applied: Path) -> None:
    at = (datetime.now(UTC) - timedelta(hours=30)).isoformat()
    document = cli.json("get-latest", "-f", "drivers", "--at", at)
    assert document["num_rows"] == 5
    assert {row["event_timestamp"] for row in document["rows"]} == {at}
    before_all = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    assert cli.json("get-latest", "-f", "drivers", "--as-of", before_all)["num_rows"] == 0
    (applied / "some.csv").write_text("driver_id\n1005\n1001\n")
    cli.run("get-latest", "-f", "drivers", "--at", at, "--entities", "some.csv", "-o", "some.parquet")
    assert pq.read_table("some.parquet").column("city").to_pylist() == [None, "Oslo"]


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["-f", "drivers"], 2, "Give one of the two"),
        (["-f", "drivers", "--sql", "SELECT 1", "--entities", "rows.parquet"], 2, "Give one of the two"),
        (["-f", "drivers", "--entities", "rows.parquet", "-o", "x.csv"], 2, "does not end in .parquet"),
        (["-f", "drivers", "--entities", "rows.parquet", "-o", "a/b.parquet"], 2, "There is no folder a"),
        (["-f", "drivers", "--entities", "rows.parquet", "--as-of", "x"], 2, "'x' is not a time"),
        (["-f", "drivers", "--entities", "rows.parquet", "--limit", "0"], 2, "--limit"),
        (
            ["-f", "drivers", "--entities", "rows.parquet", "--engine", "x"],
            1,
            "'x' is not a known offline engine",
        ),
        (["-f", "drivers", "--entities", "broken.parquet"], 1, "cannot be read as Parquet"),
        (["-f", "drivers", "--entities", "broken.csv"], 1, "broken.csv cannot be read"),
        (["-f", "drivers", "--sql", "SELEKT 1"], 1, "SELEKT"),
        (["-f", "drivers", "--entities", "rows.parquet", "--event-timestamp", "when"], 1, "'when'"),
    ],
)
def test_bad_questions(words: list[str], code: int, expected: str, cli: CommandLine, applied: Path) -> None:
    (applied / "broken.parquet").write_text("not Parquet")
    (applied / "broken.csv").write_text("driver_id,at\nx,y\n")
    assert expected in cli.error("get-historical", *words, code=code)
