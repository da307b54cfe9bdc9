"""Training sets over sources in databases and object storage, and saved sets in object storage."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.definitions.source import Source
from featurestore.errors import NotFoundError, RequestError, SourceError
from featurestore.sources.stores import split
from featurestore.training_sets import sources as states
from tests.store.conftest import HOUR, NOON

Execute = Callable[[str], None]
plane = fs.Entity("plane", join_keys={"tailnum": fs.String})
_NUMBERS = itertools.count()
ROWS = [("A", -3, 1.0), ("A", -1, 2.0), ("B", -2, 3.0), ("B", 5, 9.0)]
ENTITIES = pa.table(
    {"tailnum": ["A", "B", "C"], "event_timestamp": pa.array([NOON] * 3, pa.timestamp("us", "UTC"))}
)
TIMES: dict[str, Any] = {"event_timestamp": "moment", "created_timestamp": "loaded"}


def object_store() -> Any:
    return split("s3://")[0].opened()


def text(hours: int) -> str:
    return f"{NOON + hours * HOUR:%Y-%m-%d %H:%M:%S}"


def insert(tail: str, hours: int, delay: float, loaded: int | None = None) -> str:
    known = text(hours if loaded is None else loaded)
    return f"INSERT INTO arrivals VALUES ('{tail}', '{text(hours)}', '{known}', {delay}, 'x')"


class Database:
    """A table of arrivals in a database, and the source that reads it."""

    def __init__(self, source: Source, execute: Execute, times: str) -> None:
        self.source, self.execute = source, execute
        execute(
            f"CREATE TABLE arrivals (tailnum TEXT, moment {times}, loaded {times}, delay FLOAT, other TEXT)"
        )
        for row in ROWS:
            execute(insert(*row))


@pytest.fixture(params=["postgresql", "duckdb", "sqlalchemy"])
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
        monkeypatch.setenv("WAREHOUSE_URL", url)

        def in_postgres(statement: str) -> None:
            with psycopg.connect(url, autocommit=True, options="-c TimeZone=UTC") as server:
                server.execute(statement.encode())

        source: Source = fs.PostgresSource("arrivals", url="${WAREHOUSE_URL}", table="arrivals", **TIMES)
        return Database(source, in_postgres, "TIMESTAMPTZ")
    if request.param == "duckdb":
        path = tmp_path / "rides.duckdb"

        def in_duckdb(statement: str) -> None:
            with duckdb.connect(path) as connection:
                connection.execute(statement)

        return Database(
            fs.DuckDBSource("arrivals", path=str(path), table="arrivals", **TIMES), in_duckdb, "TIMESTAMP"
        )
    path = tmp_path / "rides.db"

    def in_sqlite(statement: str) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement)

    source = fs.SqlSource("arrivals", url=f"sqlite:///{path}", table="arrivals", **TIMES)
    return Database(source, in_sqlite, "DATETIME")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fs.FeatureStore]:
    monkeypatch.chdir(tmp_path)
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/registry.db", online="memory://") as opened:
        yield opened


def view(source: Source) -> fs.FeatureView:
    return fs.FeatureView(
        "late", entities=[plane], source=source, online=False, features=[fs.Feature("delay", fs.Float64)]
    )


def create(store: fs.FeatureStore, source: Source, name: str = "one", **more: Any) -> fs.TrainingSet:
    store.apply([view(source)])
    return store.create_training_set(name, "late", ENTITIES, **more)


def test_rows_of_a_database_are_recorded_by_a_checksum(store: fs.FeatureStore, database: Database) -> None:
    made = create(store, database.source)
    assert made.to_arrow().column("delay").to_pylist() == [2.0, 3.0, None]
    (state,) = made.manifest["sources"]
    assert (state["name"], state["kind"], state["rows"]) == ("arrivals", database.source.kind, 3)
    assert len(state["checksum"]) == 64
    again = made.recreate()
    assert (again.same, again.causes) == (True, ())


@pytest.mark.parametrize(
    ("statement", "same", "cause"),
    [
        pytest.param(insert("A", 1, 7.0), True, None, id="a later event matters to none"),
        pytest.param("UPDATE arrivals SET other = 'y'", True, None, id="nor does a column that is not read"),
        pytest.param(insert("Z", -1, 7.0), True, "1 row more (3 → 4)", id="a row of another entity"),
        pytest.param(
            "UPDATE arrivals SET delay = 8 WHERE delay = 3", False, "its rows are others", id="another value"
        ),
        pytest.param("DELETE FROM arrivals WHERE delay = 3", False, "1 row fewer (3 → 2)", id="a row less"),
    ],
)
def test_what_changes_in_a_database_is_told(
    store: fs.FeatureStore, database: Database, statement: str, same: bool, cause: str | None
) -> None:
    made = create(store, database.source)
    database.execute(statement)
    again = made.recreate()
    assert again.same == same
    assert again.causes == (() if cause is None else (f"source arrivals: {cause}",))


def test_late_rows_in_a_database_are_counted_or_kept_out_by_as_of(
    store: fs.FeatureStore, database: Database
) -> None:
    made = create(store, database.source)
    known = create(store, database.source, "known", as_of=NOON)
    years = 24 * 365 * 50
    database.execute(insert("A", -1, 4.0, loaded=years))
    again = made.recreate()
    assert not again.same
    assert any("1 late row, known only after" in cause for cause in again.causes)
    # By a row that nobody knew then nothing has changed.
    kept = known.recreate()
    assert (kept.same, kept.causes) == (True, ())


def test_the_order_of_rows_is_no_change(store: fs.FeatureStore, database: Database) -> None:
    made = create(store, database.source)
    database.execute("CREATE TABLE sorted AS SELECT * FROM arrivals ORDER BY delay DESC")
    database.execute("DELETE FROM arrivals")
    database.execute("INSERT INTO arrivals SELECT * FROM sorted ORDER BY delay DESC")
    again = made.recreate()
    assert (again.same, again.causes) == (True, ())


def test_a_database_that_is_written_to_meanwhile_is_an_error(
    store: fs.FeatureStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.apply([view(database.source)])
    whole = states.source_state

    def writing(*arguments: Any) -> Any:
        database.execute(insert("A", -1, 5.0))
        return whole(*arguments)

    monkeypatch.setattr("featurestore.training_sets.build.source_state", writing)
    with pytest.raises(SourceError, match="meanwhile source 'arrivals' was written to"):
        store.create_training_set("one", "late", ENTITIES)
    with pytest.raises(NotFoundError):
        store.training_set("one")


def test_a_reader_that_knows_of_snapshots_is_asked(
    store: fs.FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from featurestore_connectors.duckdb.reader import DuckDBReader

    path, name = tmp_path / "rides.duckdb", ["s1"]

    class Snapshots(DuckDBReader):
        def snapshot(self, *, source: fs.DuckDBSource) -> str:
            return name[0]

    def execute(statement: str) -> None:
        with duckdb.connect(path) as connection:
            connection.execute(statement)

    source = Database(
        fs.DuckDBSource("arrivals", path=str(path), table="arrivals", **TIMES), execute, "TIMESTAMP"
    )
    monkeypatch.setattr(states, "open_source_reader", lambda kind: Snapshots())
    made = create(store, source.source)
    (state,) = made.manifest["sources"]
    assert state == {"name": "arrivals", "kind": "duckdb", "snapshot": "s1", "rows": None}
    assert made.recreate().causes == ()
    name[0] = "s2"
    assert made.recreate().causes == ("source arrivals: it is at another snapshot (s1 → s2)",)


# Object storage ------------------------------------------------------------------------------------------


@pytest.fixture
def place(s3_bucket: str) -> str:
    return f"{s3_bucket}/sets-{next(_NUMBERS)}"


def write_arrivals(place: str, delay: float = 2.0) -> fs.ParquetSource:
    rows = [(tail, NOON + hours * HOUR, value) for tail, hours, value in ROWS]
    table = pa.table(
        {
            "tailnum": [tail for tail, _, _ in rows],
            "moment": pa.array([moment for _, moment, _ in rows], pa.timestamp("us", "UTC")),
            "delay": [delay if value == 2.0 else value for _, _, value in rows],
        }
    )
    pq.write_table(table, f"{place}/data/a.parquet".removeprefix("s3://"), filesystem=object_store())
    return fs.ParquetSource("arrivals", path=f"{place}/data/*.parquet", event_timestamp="moment")


def test_files_in_object_storage_are_recorded_by_size_and_etag(store: fs.FeatureStore, place: str) -> None:
    made = create(store, write_arrivals(place))
    (state,) = made.manifest["sources"]
    (file,) = state["files"]
    assert (file["path"], state["rows"]) == (f"{place}/data/a.parquet", 4)
    assert file["etag"]
    assert made.recreate().causes == ()
    write_arrivals(place, delay=20.0)
    again = made.recreate()
    assert not again.same
    assert any(f"file {place}/data/a.parquet was replaced" in cause for cause in again.causes)


def listed(place: str) -> set[str]:
    found = object_store().get_file_info(
        pa.fs.FileSelector(place.removeprefix("s3://"), recursive=True, allow_not_found=True)
    )
    return {info.path.partition("/")[2].partition("/")[2] for info in found if info.is_file}


def test_a_set_in_object_storage_is_like_one_on_a_disk(
    store: fs.FeatureStore, place: str, tmp_path: Path
) -> None:
    source = fs.InMemorySource(
        "arrivals",
        data=pa.table({"tailnum": ["A"], "moment": [NOON - HOUR], "delay": [1.0]}),
        event_timestamp="moment",
    )
    local = create(store, source, split={"train": 0.5, "test": 0.5})
    made = create(store, source, "two", split={"train": 0.5, "test": 0.5}, folder=f"{place}/")
    assert made.content_hash == local.content_hash
    there = listed(place)
    hashes = {content.hash for content in made.parts.values()} | {made.manifest["entity_rows"]["hash"]}
    assert there == {f"objects/{h[:2]}/{h}.parquet" for h in hashes} | {f"manifests/{made.id}.json"}
    assert made._record.folder == place
    found = store.training_set("two")
    assert found.to_arrow("train").equals(local.to_arrow("train"))
    assert found.verify().intact
    assert found.recreate().same
    (exported, *_) = found.export(tmp_path / "out")
    assert exported.is_file()
    # What another set has already is there once.
    create(store, source, "three", split={"train": 0.5, "test": 0.5}, folder=place)
    assert len(listed(place)) == len(there) + 1


def test_what_is_gone_or_damaged_in_object_storage_is_told_and_put_back(
    store: fs.FeatureStore, place: str
) -> None:
    made = create(store, write_arrivals(place), folder=place)
    part = f"{place}/objects/{made.parts['all'].hash[:2]}/{made.parts['all'].hash}.parquet"
    object_store().delete_file(part.removeprefix("s3://"))
    again = store.training_set("one")
    assert again.verify().problems == (f"part all: there is no file {part}",)
    with pytest.raises(NotFoundError, match="are gone: there is no file s3://"):
        again.to_arrow()
    assert again.recreate().restored == (part,)
    assert store.training_set("one").verify().intact
    with object_store().open_output_stream(part.removeprefix("s3://")) as stream:
        stream.write(b"no Parquet")
    (problem,) = store.training_set("one").verify().problems
    assert "cannot be read" in problem


def test_the_project_may_name_object_storage(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("feature_store.toml").write_text(
        f'project = "p"\nregistry = "sqlite:///r.db"\nonline = "memory://"\ntraining_sets = "{place}"\n'
    )
    with fs.FeatureStore() as store:
        assert create(store, write_arrivals(place)).verify().intact
    assert any(name.startswith("manifests/") for name in listed(place))


def test_a_bucket_that_is_not_there_is_an_error(store: fs.FeatureStore, place: str) -> None:
    source = write_arrivals(place)
    with pytest.raises(RequestError, match=r"training sets at s3://nobody-has-this/x cannot be.*\n.*AWS_"):
        create(store, source, folder="s3://nobody-has-this/x")
    with pytest.raises(RequestError, match="cannot be saved at ftp://host/x"):
        create(store, source, folder="ftp://host/x")
