"""Splits: no row and no entity on two sides, exact proportions, seeds that are honoured, no global state."""

from __future__ import annotations

import pickle
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.definitions.splits import Split, dump_split, load_split
from featurestore.errors import DefinitionError, EntityDataError, NotFoundError
from featurestore.frames.entity_rows import TableRows
from featurestore.training_sets.assign import NO_PART, assign_parts
from tests.training_sets.conftest import entity_rows

THIRDS = {"train": 0.7, "validation": 0.2, "test": 0.1}
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def assign(split: Split, rows: pa.Table, seed: int = 7, keys: tuple[str, ...] = ("tailnum",)) -> np.ndarray:
    return assign_parts(
        split, TableRows(rows), seed=seed, join_keys=keys, event_timestamp="event_timestamp", timezone="UTC"
    )


def counts(parts: np.ndarray) -> list[int]:
    return [int((parts == number).sum()) for number in range(3)]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 9, 10, 1_000, 1_001])
def test_rows_at_random_in_exact_proportions(size: int) -> None:
    found = counts(assign(fs.RandomSplit(THIRDS), entity_rows(size)))
    assert sum(found) == size
    assert all(abs(count - size * share) <= 1 for count, share in zip(found, THIRDS.values(), strict=True))


def test_a_seed_is_honoured_and_no_global_state_is_touched() -> None:
    rows = entity_rows()
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), pickle.dumps(np.random.get_state())
    splits = [fs.RandomSplit(THIRDS), fs.EntitySplit(THIRDS), fs.StratifiedSplit(THIRDS, column="late")]
    for split in splits:
        assert np.array_equal(assign(split, rows, 7), assign(split, rows, 7))
        assert not np.array_equal(assign(split, rows, 7), assign(split, rows, 8))
    assert (random.getstate(), pickle.dumps(np.random.get_state())) == before


@pytest.mark.parametrize("seed", [0, -1, 2**63, 2**64 + 5])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    assert sum(counts(assign(fs.RandomSplit(THIRDS), entity_rows(100), seed))) == 100


def test_rows_at_random_are_spread_over_the_whole_frame() -> None:
    train = np.flatnonzero(assign(fs.RandomSplit({"train": 0.5, "test": 0.5}), entity_rows(10_000)) == 0)
    halves = np.bincount(train // 1_000, minlength=10)
    assert halves.min() > 400
    assert halves.max() < 600


def test_no_entity_is_on_two_sides() -> None:
    rows = entity_rows(5_000)
    parts = assign(fs.EntitySplit(THIRDS), rows)
    tails = np.array(rows["tailnum"].to_pylist())
    assert all(len(set(parts[tails == tail])) == 1 for tail in set(tails))
    assert set(parts) == {0, 1, 2}


def test_an_entity_stays_where_it_is_when_others_come() -> None:
    few, many = entity_rows(200, seed=1), entity_rows(4_000, seed=2)
    sides: dict[str, int] = {}
    for rows in (few, many):
        for tail, part in zip(rows["tailnum"].to_pylist(), assign(fs.EntitySplit(THIRDS), rows), strict=True):
            assert sides.setdefault(tail, part) == part


@pytest.mark.parametrize(
    "values",
    [
        pa.array([f"entity {number}" for number in range(20_000)]),
        pa.array([f"entity {number}" for number in range(20_000)]).dictionary_encode(),
        pa.array([f"{number}".encode() for number in range(20_000)]),
        pa.array(range(20_000), pa.int32()),
        pa.array(range(-10_000, 10_000), pa.int64()),
        pa.array(range(2**64 - 20_000, 2**64), pa.uint64()),
        pa.array(range(20_000), pa.timestamp("s")),
    ],
    ids=lambda values: str(values.type),
)  # fmt: skip
def test_entities_of_every_type_come_in_about_the_right_proportions(values: pa.Array) -> None:
    rows = pa.table({"tailnum": values})
    found = counts(assign(fs.EntitySplit(THIRDS), rows))
    assert found == pytest.approx([14_000, 4_000, 2_000], rel=0.08)
    again = pa.concat_tables([rows.slice(5), rows.slice(0, 5)])
    assert np.array_equal(
        np.roll(assign(fs.EntitySplit(THIRDS), rows), -5), assign(fs.EntitySplit(THIRDS), again)
    )


def test_the_keys_are_told_apart_by_place_and_nulls_are_one_value() -> None:
    rows = pa.table({"a": ["x", "y", None, None], "b": ["y", "x", "x", "x"], "tailnum": ["1", "2", "3", "4"]})
    sides = {seed: assign(fs.EntitySplit(THIRDS, keys=["a", "b"]), rows, seed) for seed in range(50)}
    assert any(parts[0] != parts[1] for parts in sides.values())
    assert all(parts[2] == parts[3] for parts in sides.values())


def test_strata_have_the_same_proportions() -> None:
    labels = np.repeat(["a", "b", "c", None], [7_000, 2_000, 990, 10])
    rows = pa.table({"label": pa.array(labels.tolist())}).take(np.random.default_rng(1).permutation(10_000))
    parts = assign(fs.StratifiedSplit(THIRDS, column="label"), rows)
    found = np.array([label or "" for label in rows["label"].to_pylist()])
    for label in ("a", "b", "c", ""):
        size = int((found == label).sum())
        for count, share in zip(counts(parts[found == label]), THIRDS.values(), strict=True):
            assert abs(count - size * share) <= 1


def test_strata_of_one_row_are_not_all_on_one_side() -> None:
    rows = pa.table({"label": range(10_000)})
    found = counts(assign(fs.StratifiedSplit(THIRDS, column="label"), rows))
    assert found == pytest.approx([7_000, 2_000, 1_000], rel=0.1)


def test_time_with_purge_and_embargo_to_the_microsecond() -> None:
    micro = timedelta(microseconds=1)
    hour = timedelta(hours=1)
    split = fs.TimeSplit({"train": NOON, "test": None}, purge=hour, embargo=2 * hour)
    times = [NOON - 2 * hour, NOON - hour, NOON - hour + micro, NOON, NOON + micro, NOON + 2 * hour,
             NOON + 2 * hour + micro, None]  # fmt: skip
    rows = pa.table({"event_timestamp": pa.array(times, pa.timestamp("us", "UTC"))})
    assert assign(split, rows).tolist() == [0, 0, NO_PART, NO_PART, NO_PART, NO_PART, 1, NO_PART]
    plain = fs.TimeSplit({"train": NOON, "test": None})
    assert assign(plain, rows).tolist() == [0, 0, 0, 0, 1, 1, 1, NO_PART]


def test_parts_in_time_do_not_overlap() -> None:
    rows = entity_rows(2_000)
    day = NOON.replace(tzinfo=None)
    ends = {"train": day - timedelta(hours=2), "validation": day - timedelta(hours=1), "test": None}
    parts = assign(fs.TimeSplit(ends, purge=timedelta(minutes=10)), rows)
    minutes = np.array(rows["event_timestamp"].to_pylist())
    for number in (0, 1):
        gap = minutes[parts == number + 1].min() - minutes[parts == number].max()
        assert gap > timedelta(minutes=10)


@pytest.mark.parametrize(
    "split",
    [
        fs.RandomSplit({"train": 0.8, "test": 0.2}),
        fs.RandomSplit({"zebra": 0.8, "ant": 0.2}),
        fs.EntitySplit(THIRDS, keys=["a", "b"]),
        fs.StratifiedSplit(THIRDS, column="late"),
        fs.TimeSplit({"train": NOON, "test": None}, purge=timedelta(days=1), embargo=timedelta(hours=1)),
    ],
)
def test_a_split_as_json_and_back(split: Split) -> None:
    back = load_split(dump_split(split))
    assert back == split
    assert back.names == split.names


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fs.RandomSplit({"train": 0.8, "test": 0.3}), "add up to 1, found 1.1"),
        (lambda: fs.RandomSplit({"train": 1.0}), "at least two parts"),
        (lambda: fs.RandomSplit({"train": 1.5, "test": -0.5}), "between 0 and 1"),
        (lambda: fs.RandomSplit({"a b": 0.5, "test": 0.5}), "'a b' cannot name a part"),
        (lambda: fs.TimeSplit({"train": NOON, "test": NOON}), "ends at None"),
        (lambda: fs.TimeSplit({"a": NOON, "b": NOON, "c": None}), "must grow"),
        (lambda: fs.TimeSplit({"a": NOON, "b": None}, purge=timedelta(-1)), "must not be negative"),
    ],
)  # fmt: skip
def test_splits_that_make_no_sense(make: object, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        make()  # type: ignore[operator]


def test_columns_that_are_missing_or_cannot_tell_entities_apart() -> None:
    rows = pa.table({"tailnum": [1.5]})
    with pytest.raises(NotFoundError, match="'label'"):
        assign(fs.StratifiedSplit(THIRDS, column="label"), rows)
    with pytest.raises(EntityDataError, match="type double cannot tell entities apart"):
        assign(fs.EntitySplit(THIRDS), rows)
    with pytest.raises(EntityDataError, match="no join keys"):
        assign(fs.EntitySplit(THIRDS), rows, keys=())


def test_the_numbers_stay_the_same_in_all_releases() -> None:
    rows = pa.table({"tailnum": ["N14228", "N24211", "N619AA", None, "", "ü"], "late": [1, 1, 1, 2, 2, 2]})
    found = [
        "".join(map(str, assign(split, rows)))
        for split in (
            fs.RandomSplit(THIRDS),
            fs.EntitySplit(THIRDS),
            fs.StratifiedSplit(THIRDS, column="late"),
        )
    ]
    assert found == ["200010", "002110", "200020"]
