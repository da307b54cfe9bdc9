"""The sketches that are built here by whole columns are sketches of Apache DataSketches: it reads and merges them."""

from __future__ import annotations

import datasketches
import numpy as np
import pyarrow as pa
import pytest

from featurestore.definitions.types import Float64, Int64, String
from featurestore.statistics.quantiles import K, add_sorted, new_quantiles
from featurestore.statistics.sketches import MOST_HASHES, DistinctHashes
from featurestore.statistics.summary import RANKS
from tests.statistics.plain import profile_of

ERROR = 0.007
"""What is stated of a rank, in `quantiles`."""


def test_the_stated_error_is_that_of_the_library() -> None:
    assert new_quantiles().normalized_rank_error(False) < ERROR


@pytest.mark.parametrize("count", [0, 1, 5, 2_048, 2_049, 4_097, 100_003, 131_072])
def test_a_sorted_block_is_a_sketch_of_all_its_values(count: int) -> None:
    numbers = np.sort(np.random.default_rng(count).normal(size=count))
    sketch = new_quantiles()
    add_sorted(sketch, numbers)
    again = datasketches.kll_doubles_sketch.deserialize(sketch.serialize())
    assert (again.n, again.k) == (count, K)
    if not count:
        return
    assert (again.get_min_value(), again.get_max_value()) == (numbers[0], numbers[-1])
    for rank, number in zip(RANKS, again.get_quantiles(list(RANKS)), strict=True):
        assert abs(np.searchsorted(numbers, number, "right") / count - rank) < ERROR + 1 / count


def test_many_blocks_stay_within_the_stated_error() -> None:
    chance = np.random.default_rng(1)
    sketch, taken = new_quantiles(), []
    for count in chance.integers(1, 20_000, 60):
        numbers = np.sort(chance.exponential(size=count))
        add_sorted(sketch, numbers)
        taken.append(numbers)
    everything = np.sort(np.concatenate(taken))
    assert sketch.n == len(everything)
    for rank, number in zip(RANKS, sketch.get_quantiles(list(RANKS)), strict=True):
        assert abs(np.searchsorted(everything, number) / len(everything) - rank) < ERROR


@pytest.mark.parametrize("count", [0, 1, 2, MOST_HASHES, MOST_HASHES + 1, 50_000])
def test_distinct_hashes_are_a_theta_sketch(count: int) -> None:
    hashes = np.random.default_rng(count).integers(0, 2**64 - 1, count, dtype=np.uint64, endpoint=True)
    kept = DistinctHashes()
    for part in np.array_split(np.concatenate([hashes, hashes[::-1]]), 5):
        kept.add(part)
    sketch = datasketches.compact_theta_sketch.deserialize(kept.form())
    assert sketch.is_empty() == (count == 0)
    assert sketch.is_estimation_mode() == (count > MOST_HASHES)
    assert sketch.get_estimate() == pytest.approx(count, rel=0.1 if count > MOST_HASHES else 0)
    union = datasketches.theta_union(12)
    union.update(sketch)
    union.update(sketch)
    assert union.get_result().get_estimate() == pytest.approx(sketch.get_estimate())


def test_the_standard_error_of_distinct_values_is_as_stated() -> None:
    errors = []
    for seed in range(40):
        values = np.random.default_rng(seed).random(20_000)
        errors.append((profile_of(pa.array(values), Float64).distinct or 0) / 20_000 - 1)
    assert np.std(errors) < 1.4 / np.sqrt(MOST_HASHES)
    assert abs(np.mean(errors)) < 0.02


def test_numbers_in_a_row_are_spread_evenly() -> None:
    for step in (1, 2**10, 2**32):
        values = np.arange(100_000) * step
        assert profile_of(pa.array(values), Int64).distinct == pytest.approx(100_000, rel=0.13)


def test_nothing_of_an_empty_string_is_lost() -> None:
    assert profile_of(["", "", "a"], String).distinct == 2
    assert profile_of(["", "", "a"], String).top_values == (("", 2), ("a", 1))


def test_frequent_values_of_many_merges_are_exact_up_to_the_size_of_the_sketch() -> None:
    merged = profile_of([f"{run}-{number}" for run in range(1) for number in range(100)], String)
    for run in range(1, 20):
        merged = merged.merge(
            profile_of([f"{run}-{number}" for number in range(100)] + ["all"] * run, String)
        )
    assert merged.top_values[0] == ("all", sum(range(20)))
    assert {count for _, count in merged.top_values[1:]} == {1}
    assert merged.rows == 20 * 100 + sum(range(20))
