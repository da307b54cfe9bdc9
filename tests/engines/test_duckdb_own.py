"""What is particular to the DuckDB engine: files it reads itself, its settings, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Generator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featurestore.definitions.entity import Entity
from featurestore.definitions.feature import Feature
from featurestore.definitions.source import CSVSource, InMemorySource, ParquetSource
from featurestore.definitions.types import FeatureType, Float64, Int64, List, String, Vector
from featurestore.definitions.view import FeatureView
from featurestore.engines.duckdb import DuckDBEngine
from featurestore.errors import ConfigurationError, SourceError
from featurestore.testing.plans import entity_table, plan_view, run_historical, run_latest

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
INSTANT = pa.timestamp("us", "UTC")


def view_over(source, features: Mapping[str, FeatureType] | None = None, **arguments) -> FeatureView:
    declared = {"x": Int64} if features is None else features
    return FeatureView(
        "v",
        entities=[Entity("e", join_keys={"k": Int64})],
        source=source,
        features=[Feature(name, dtype) for name, dtype in declared.items()],
        **arguments,
    )


def ask(view: FeatureView, *rows: tuple[int | None, datetime | None], engine: DuckDBEngine | None = None):
    plan = plan_view(view)
    entities = entity_table([plan], [{"k": k, "event_timestamp": time} for k, time in rows])
    return run_historical(engine or DuckDBEngine(), [plan], entities).to_pydict()


def write(path: Path, **columns: pa.Array) -> str:
    pq.write_table(pa.table(columns), path)
    return str(path)


def ints(*values: int | None) -> pa.Array:
    return pa.array(values, pa.int64())


def times(*values: datetime | None) -> pa.Array:
    return pa.array(values, INSTANT)


def test_columns_that_duckdb_cannot_tell_apart(tmp_path):
    path = write(
        tmp_path / "a.parquet",
        k=ints(1, 2),
        at=times(NOON, NOON),
        X=ints(1, 2),
        x=ints(3, 4),
        file_row_number=ints(5, 6),
        file_index=ints(7, 8),
    )
    features = {"x": Int64, "X": Int64, "file_row_number": Int64, "file_index": Int64}
    found = ask(
        view_over(ParquetSource("s", path=path, event_timestamp="at"), features), (2, NOON), (1, NOON)
    )
    assert found == {"x": [4, 3], "X": [2, 1], "file_row_number": [6, 5], "file_index": [8, 7]}


def test_file_names_are_no_patterns(tmp_path):
    folder = tmp_path / "it's [x]"
    folder.mkdir()
    path = write(folder / "a*b?.parquet", k=ints(1), at=times(NOON), x=ints(1))
    write(folder / "aabb.parquet", k=ints(1), at=times(NOON), x=ints(2))
    assert ask(view_over(ParquetSource("s", path=path, event_timestamp="at")), (1, NOON)) == {"x": [1]}


def test_ties_across_files_and_row_groups(tmp_path):
    for i in range(4):
        table = pa.table({"k": ints(1, 1, 2), "at": times(NOON, NOON, NOON), "x": ints(i, 9 - i, i)})
        pq.write_table(table, tmp_path / f"{i}.parquet", row_group_size=1)
    view = view_over(ParquetSource("s", path=str(tmp_path), event_timestamp="at"))
    assert ask(view, (2, NOON), (1, NOON)) == {"x": [3, 9]}


@pytest.mark.parametrize("column", ["at", "made", "known"])
def test_infinite_times_are_errors_with_a_name(tmp_path, column):
    path = tmp_path / "a.parquet"
    values = {
        "at": "TIMESTAMP '2024-05-01'",
        "made": "TIMESTAMP '2024-05-01'",
        "known": "TIMESTAMP '2024-05-01'",
    }
    values[column] = "'infinity'::TIMESTAMP"
    columns = ", ".join(f"{value} AS {name}" for name, value in values.items())
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1::BIGINT AS k, 1::BIGINT AS x, {columns}) TO '{path}'")
    source = ParquetSource(
        "visits", path=str(path), event_timestamp="at", created_timestamp="made", available_at="known"
    )
    with pytest.raises(SourceError, match=rf"'visits': \w+ '{column}' holds a time that is infinite"):
        ask(view_over(source), (1, NOON))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris"])
def test_an_event_too_late_for_the_delay_is_an_error_with_a_name(tmp_path, zone):
    path = write(tmp_path / "a.parquet", k=ints(1), at=ints(2**63 - 10).cast(pa.timestamp("us")), x=ints(1))
    source = ParquetSource("visits", path=path, event_timestamp="at", delay=2 * HOUR, timezone=zone)
    with pytest.raises(SourceError, match="'visits': event_timestamp 'at' plus the delay"):
        ask(view_over(source), (1, NOON))


@pytest.mark.parametrize("unit", ["us", "ns"])
@pytest.mark.parametrize(
    ("zone", "ahead"), [(None, 0), ("UTC", 0), ("Pacific/Kiritimati", 14), ("America/Adak", -9)]
)
def test_row_groups_out_of_reach_are_skipped_and_change_nothing(tmp_path, unit, zone, ahead):
    """Row i is of local day i; `zone` None stands for times that carry their zone."""
    days = [NOON + timedelta(days=i) for i in range(20)]
    at = times(*days).cast(pa.timestamp(unit, "UTC"))
    at = at if zone is None else at.cast(pa.timestamp(unit))
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"k": ints(*[1] * 20), "at": at, "x": ints(*range(20))}), path, row_group_size=1)
    source = ParquetSource("s", path=str(path), event_timestamp="at", timezone=zone or "UTC")
    event = days[7] - ahead * HOUR
    asked = [event - HOUR, event, event + HOUR, event + 2 * HOUR]
    assert ask(view_over(source, ttl=HOUR), *((1, time) for time in asked)) == {"x": [None, 7, 7, None]}


def test_times_of_96_bits(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table(
        {"k": ints(1, 1), "at": times(NOON, NOON + HOUR).cast(pa.timestamp("us")), "x": ints(1, 2)}
    )
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    view = view_over(ParquetSource("s", path=str(path), event_timestamp="at"))
    assert ask(view, (1, NOON), (1, NOON + HOUR - timedelta(microseconds=1)), (1, NOON + HOUR)) == {
        "x": [1, 1, 2]
    }


def test_a_vector_of_another_length_names_the_entity():
    table = pa.table({"k": ints(4, 5), "at": times(NOON, NOON), "x": pa.array([[1.0, 2.0], [1.0]])})
    view = view_over(InMemorySource("s", data=table, event_timestamp="at"), {"x": Vector(2, Float64)})
    assert ask(view, (4, NOON)) == {"x": [[1.0, 2.0]]}
    with pytest.raises(SourceError, match="column 'x' of source 's' holds a vector that has 1 items for k=5"):
        ask(view, (4, NOON), (5, NOON))


def test_a_vector_with_a_null_inside_names_the_entity():
    table = pa.table({"k": ints(4), "at": times(NOON), "x": pa.array([[1.0, None]])})
    view = view_over(InMemorySource("s", data=table, event_timestamp="at"), {"x": Vector(2, Float64)})
    with pytest.raises(SourceError, match="holds a vector that has a null inside for k=4"):
        ask(view, (4, NOON))


def test_rows_that_go_uncover_older_ones_for_many_times():
    """Row i is corrected at minute 40 + 10·i; at every minute the youngest row that still stands wins."""
    minute = timedelta(minutes=1)
    first = [(1, NOON + i * minute, NOON + i * minute, i, i) for i in range(4)]
    moved = [(1, NOON - HOUR, NOON + (40 + 10 * i) * minute, i, 100 + i) for i in range(4)]
    columns = list(zip(*first, *moved, strict=True))
    table = pa.table({
        "k": ints(*columns[0]), "at": times(*columns[1]), "made": times(*columns[2]), "id": ints(*columns[3]),
        "x": ints(*columns[4]),
    })  # fmt: skip
    source = InMemorySource(
        "s", data=table, event_timestamp="at", created_timestamp="made", available_at="made", event_id="id"
    )
    asked = [NOON + i * minute for i in range(90)]
    standing = [[i for i in range(4) if i <= m < 40 + 10 * i] for m in range(90)]
    expected = [max(rows, default=103) for rows in standing]
    assert ask(view_over(source), *((1, time) for time in asked)) == {"x": expected}


def test_ties_between_rows_that_come_at_different_times():
    known = times(NOON, NOON + HOUR, NOON + 2 * HOUR)
    table = pa.table({"k": ints(1, 1, 1), "at": times(NOON, NOON, NOON), "known": known, "x": ints(1, 3, 2)})
    view = view_over(InMemorySource("s", data=table, event_timestamp="at", available_at="known"))
    assert ask(view, *((1, NOON + i * HOUR) for i in range(3))) == {"x": [1, 3, 3]}


def many_rows(count: int) -> InMemorySource:
    k = pa.array(range(count), pa.int64())
    table = pa.table({"k": k, "at": pa.array([NOON] * count, INSTANT), "x": k})
    return InMemorySource("s", data=table, event_timestamp="at")


def test_spills_under_its_limit_and_leaves_nothing_behind(tmp_path):
    source = many_rows(300_000)
    engine = DuckDBEngine(memory_limit="60MB", threads=1, temp_directory=tmp_path)
    plan = plan_view(view_over(source))
    entities = entity_table([plan], [{"k": i, "event_timestamp": NOON} for i in range(300_000)])
    batches = engine.historical_features(views=[plan], entities=entities)
    rows = [next(batches)]
    assert list(tmp_path.iterdir())
    rows.extend(batches)
    assert pa.Table.from_batches(rows).column("x").to_pylist() == list(range(300_000))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files there")
def test_a_full_disk_while_spilling_is_said_and_leaves_nothing_behind(tmp_path):
    """Writes fail as they do on a full disk, by a limit of what this process may write to a file."""
    import resource

    source = many_rows(300_000)
    engine = DuckDBEngine(memory_limit="60MB", threads=1, temp_directory=tmp_path)
    plan = plan_view(view_over(source))
    entities = entity_table([plan], [{"k": i, "event_timestamp": NOON} for i in range(300_000)])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    try:
        with pytest.raises(ConfigurationError, match=r"(?s)'s'.*could not spill.*too large.*disk space"):
            list(engine.historical_features(views=[plan], entities=entities))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_too_little_memory_says_so(tmp_path):
    engine = DuckDBEngine(memory_limit="1MB", threads=1, temp_directory=tmp_path)
    with pytest.raises(ConfigurationError, match="out of memory") as caught:
        ask(view_over(many_rows(100_000)), (1, NOON), engine=engine)
    assert "memory_limit" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_too_little_memory_for_a_stream_under_way_says_so(tmp_path):
    """The first rows come; those that are too wide come last, in a row group of their own."""
    file, few = tmp_path / "wide.parquet", 5_000
    values = ["narrow"] * few + ["w" * 2**24] * 2
    table = pa.table({"k": range(few + 2), "at": times(*[NOON] * (few + 2)), "x": values})
    pq.write_table(table, file, compression="none", use_dictionary=False, row_group_size=few)
    plan = plan_view(view_over(ParquetSource("s", path=str(file), event_timestamp="at"), {"x": String}))
    engine = DuckDBEngine(memory_limit="20MB", threads=1, temp_directory=tmp_path)
    with pytest.raises(ConfigurationError, match=r"(?s)'s'.*out of memory.*memory_limit") as caught:
        list(engine.latest_features(view=plan, at=int(NOON.timestamp()) * 1_000_000))
    assert isinstance(caught.value.__cause__, OSError)
    assert list(tmp_path.iterdir()) == [file]


def test_an_abandoned_result_leaves_nothing_behind(tmp_path):
    engine = DuckDBEngine(temp_directory=tmp_path)
    plans = [plan_view(view_over(many_rows(10)), label=label) for label in ("a", "b")]
    entities = entity_table(plans, [{"k": i % 10, "event_timestamp": NOON} for i in range(200_000)])
    batches = engine.historical_features(views=plans, entities=entities)
    assert next(batches).num_rows > 0
    assert isinstance(batches, Generator)
    batches.close()
    assert not list(tmp_path.iterdir())


def test_an_interrupt_is_an_interrupt_and_leaves_nothing_behind(tmp_path):
    rows = 4_000_000
    k = pa.array(range(rows), pa.int64())
    table = pa.table({"k": k, "at": pa.repeat(pa.scalar(NOON, INSTANT), rows), "x": k})
    plan = plan_view(view_over(InMemorySource("s", data=table, event_timestamp="at")))
    entities = pa.table({"k": k, "__fs_time": pa.repeat(pa.scalar(2**60, pa.int64()), rows)})
    batches = DuckDBEngine(threads=1, temp_directory=tmp_path).historical_features(
        views=[plan], entities=entities
    )
    # Workers of pytest-xdist ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        list(batches)
    timer.join()
    signal.signal(signal.SIGINT, before)
    assert not list(tmp_path.iterdir())


def test_refused_settings_are_named():
    with pytest.raises(ConfigurationError, match="DuckDB refuses its settings") as caught:
        ask(view_over(many_rows(1)), (0, NOON), engine=DuckDBEngine(memory_limit="plenty"))
    assert isinstance(caught.value.__cause__, duckdb.Error)


def test_a_damaged_file_is_named(tmp_path):
    path = write(tmp_path / "a.parquet", k=ints(*range(1000)), at=times(*[NOON] * 1000), x=ints(*range(1000)))
    content = bytearray(Path(path).read_bytes())
    content[40:4000] = b"\xff" * 3960
    Path(path).write_bytes(bytes(content))
    with pytest.raises(SourceError, match="Source 'visits'"):
        ask(view_over(ParquetSource("visits", path=path, event_timestamp="at")), (1, NOON))


def test_missing_columns_are_listed_with_the_nearest():
    source = InMemorySource(
        "s", data=pa.table({"k": ints(1), "at": times(NOON), "xs": ints(1)}), event_timestamp="at"
    )
    with pytest.raises(SourceError, match=r"no column 'x'; it has: k, at, xs\.\nHint: Did you mean 'xs'"):
        ask(view_over(source), (1, NOON))


def test_explain_is_sql_that_runs():
    source = many_rows(3)
    plain = plan_view(view_over(source))
    lives = plan_view(view_over(InMemorySource(
        "s", data=source.data, event_timestamp="at", available_at="at", event_id="x"
    )))  # fmt: skip
    for plan, way in ((plain, "binary search"), (lives, "ASOF JOIN")):
        text = DuckDBEngine().explain(views=[plan])
        assert text.startswith("-- View v\n")
        assert way in text
        assert duckdb.extract_statements(text)


def test_explain_covers_every_view():
    plans = [plan_view(view_over(many_rows(3)), label=label) for label in ("inbound", "outbound")]
    text = DuckDBEngine().explain(views=plans)
    assert "-- View inbound" in text
    assert "-- View outbound" in text


def test_query_sees_sources_by_name_and_keeps_its_order(tmp_path):
    parquet = ParquetSource("p", path=write(tmp_path / "a.parquet", k=ints(3, 1, 2)), event_timestamp="at")
    days = pa.array([date(2024, 5, 1)] * 3)
    csv = tmp_path / "a.csv"
    csv.write_text("k,at,label\n1,2024-05-01T12:00:00,one\n2,2024-05-02T12:00:00,\n")
    sources = {
        "p": parquet,
        "c": CSVSource("c", path=str(csv), event_timestamp="at"),
        "m": InMemorySource("m", data=pa.table({"k": ints(1, 2, 3), "day": days}), event_timestamp="day"),
    }
    sql = "SELECT p.k, c.at, c.label, m.day FROM p LEFT JOIN c USING (k) JOIN m USING (k) ORDER BY p.k DESC"
    found = DuckDBEngine().query(sql=sql, sources=sources)
    assert found.column("k").to_pylist() == [3, 2, 1]
    assert found.column("label").to_pylist() == [None, None, "one"]
    assert found.column("at").to_pylist() == [None, datetime(2024, 5, 2, 12), datetime(2024, 5, 1, 12)]
    assert found.column("day").type == pa.date32()


def test_query_cannot_see_variables_of_the_program():
    secret = pa.table({"a": [1]})
    with pytest.raises(SourceError, match="secret"):
        DuckDBEngine().query(sql="SELECT * FROM secret", sources={})
    assert secret.num_rows == 1


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT nothing FROM nowhere", "SELECT 1/x FROM"])
def test_refused_sql_is_chained(sql):
    with pytest.raises(SourceError, match="DuckDB refuses the SQL") as caught:
        DuckDBEngine().query(sql=sql, sources={})
    assert isinstance(caught.value.__cause__, duckdb.Error)


@pytest.mark.parametrize("sql", ["CREATE TABLE t (a INTEGER)", "SELECT 1; SELECT 2", "", "SET threads = 1"])
def test_other_statements_are_no_query(sql):
    with pytest.raises(SourceError, match="not one query"):
        DuckDBEngine().query(sql=sql, sources={})


def test_folder_names_are_text_until_they_are_cast(tmp_path):
    for day, k in (("007", 1), ("__HIVE_DEFAULT_PARTITION__", 2), ("a%20b", 3)):
        folder = tmp_path / f"day={day}" / f"k={k}"
        folder.mkdir(parents=True)
        write(folder / "a.parquet", at=times(NOON), x=ints(k))
    source = ParquetSource("s", path=str(tmp_path), event_timestamp="at", hive_partitioning=True)
    view = view_over(source, {"x": Int64, "day": String})
    assert ask(view, (3, NOON), (2, NOON), (1, NOON)) == {"x": [3, 2, 1], "day": ["a b", None, "007"]}


def test_latest_reads_lists_of_lists_and_ties_by_them():
    table = pa.table({
        "k": ints(1, 1, 1), "at": times(NOON, NOON, NOON),
        "x": pa.array([[["a"], None], [["a", None]], [["a"], []]], pa.list_(pa.list_(pa.string()))),
    })  # fmt: skip
    view = view_over(InMemorySource("s", data=table, event_timestamp="at"), {"x": List(List(String))})
    plan = plan_view(view)
    found = run_latest(DuckDBEngine(), plan, at=int(NOON.timestamp()) * 1_000_000)
    assert found.column("x").to_pylist() == [[["a", None]]]
