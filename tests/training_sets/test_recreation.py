"""Training sets are made again: to the byte, or with what has changed since told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.errors import (
    NotFoundError,
)
from tests.store.conftest import HOUR, NOON, Arrivals
from tests.training_sets.conftest import HALVES, entity_rows
from tests.versions.conftest import OpenStore


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_it_is_recreated_to_the_byte_in_another_process_and_version(
    store: fs.FeatureStore,
    service: fs.FeatureService,
    arrivals: Arrivals,
    open_store: OpenStore,
    engine: str,
) -> None:
    made = store.create_training_set("one", service, entity_rows(), split=HALVES, engine=engine)
    store.apply([arrivals.view(online=False, ttl=timedelta(minutes=1))])
    again = open_store().training_set("one").recreate()
    assert again.same
    assert again.content_hash == made.content_hash
    assert (again.differences, again.causes, again.restored) == ((), (), ())
    assert "byte for byte the same" in str(again)


def test_late_rows_are_counted_and_what_they_change_is_told(
    store: fs.FeatureStore, training_set: fs.TrainingSet, arrivals: Arrivals
) -> None:
    later = training_set.created_at + timedelta(hours=1)
    arrivals.add("P1", NOON - HOUR, -1.0, created=later)
    arrivals.add("P2", NOON - HOUR, -1.0, created=later)
    arrivals.add("P3", NOON + 900 * HOUR, -1.0, created=later)
    frame = store.get_historical_features(entity_rows(), "departures").to_arrow()
    changed = int((frame["delay"].to_numpy() == -1.0).sum())
    again = store.training_set("late-2024").recreate()
    assert not again.same
    assert again.content_hash != training_set.content_hash
    told = [item.partition(" differs in ") for item in again.differences]
    assert [head for head, _, _ in told] == ["part train: column delay", "part test: column delay"]
    assert sum(int(tail.split()[0]) for _, _, tail in told) == changed
    assert again.causes[0].startswith("source arrivals: file arrivals.parquet was replaced (")
    assert again.causes[1] == "source arrivals: 3 rows more (80 → 83)"
    assert again.causes[2].startswith("source arrivals: 2 late rows, known only after 20")
    assert training_set.verify().intact


def test_as_of_keeps_late_rows_out(
    store: fs.FeatureStore, service: fs.FeatureService, arrivals: Arrivals
) -> None:
    made = store.create_training_set("one", service, entity_rows(), as_of=NOON + HOUR)
    arrivals.add("P1", NOON - HOUR, -1.0, created=NOON + 2 * HOUR)
    again = made.recreate()
    assert again.same
    assert any("1 row more" in cause for cause in again.causes)


def test_a_replaced_a_removed_and_a_new_file(
    store: fs.FeatureStore, arrivals: Arrivals, tmp_path: Path
) -> None:
    rows = pq.read_table(arrivals.path)
    folder = tmp_path / "many"
    folder.mkdir()
    for name in ("a", "b"):
        pq.write_table(rows, folder / f"{name}.parquet")
    source = fs.ParquetSource("many", path="many/*.parquet", event_timestamp="arrived_at")
    store.apply([arrivals.view(name="view", source=source, online=False)])
    made = store.create_training_set("one", "view", entity_rows())
    pq.write_table(rows.slice(0, 79), folder / "a.parquet")
    (folder / "b.parquet").rename(folder / "c.parquet")
    causes = made.recreate().causes
    assert causes[0].startswith("source many: file many/a.parquet was replaced (")
    assert causes[1:] == (
        "source many: file many/b.parquet is gone", "source many: file many/c.parquet is new",
        "source many: 1 row fewer (160 → 159)",
    )  # fmt: skip


def test_files_that_are_gone_are_put_back_if_they_come_out_the_same(training_set: fs.TrainingSet) -> None:
    path = training_set.path("train")
    path.unlink()
    with pytest.raises(NotFoundError, match=r"data of training set 'late-2024' are gone.*\n.*recreate"):
        training_set.to_arrow("train")
    assert training_set.verify().problems == (f"part train: there is no file {path}",)
    assert training_set.recreate().restored == (path,)
    assert training_set.verify().intact


def test_without_the_entity_rows_it_cannot_be_made_again(
    store: fs.FeatureStore, training_set: fs.TrainingSet, tmp_path: Path
) -> None:
    digest = training_set.manifest["entity_rows"]["hash"]
    (tmp_path / "training_sets" / "objects" / digest[:2] / f"{digest}.parquet").unlink()
    with pytest.raises(NotFoundError, match="entity rows of the training set are gone"):
        training_set.recreate()


def test_damage_is_found(training_set: fs.TrainingSet) -> None:
    path = training_set.path("test")
    rows = pq.read_table(path)
    pq.write_table(rows.set_column(4, "delay", pa.array([0.0] * rows.num_rows)), path)
    assert training_set.verify().problems == (f"part test: {path} holds other values in delay",)
    path.write_bytes(b"PAR1 nothing")
    (problem,) = training_set.verify().problems
    assert "cannot be read" in problem
    assert "is damaged" in str(training_set.verify())
    assert training_set.recreate().same
    assert training_set.verify().intact
