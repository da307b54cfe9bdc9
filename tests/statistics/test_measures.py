"""Measures of drift are those of scipy, on the same data; and chance makes of them what it is said to make."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from featurestore.statistics import measures
from featurestore.statistics.measures import Steps

counts = st.lists(st.integers(0, 1_000), min_size=2, max_size=12)
numbers = st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 1.0]), min_size=2, max_size=60)


def shares(values: list[int], size: int) -> np.ndarray:
    padded = np.array([*values, *[0] * size][:size], dtype=np.float64)
    padded[0] += 1
    found: np.ndarray = padded / padded.sum()
    return found


@given(counts, counts)
def test_jensen_shannon_is_scipys_distance_in_bits(first: list[int], second: list[int]) -> None:
    size = max(len(first), len(second))
    p, q = shares(first, size), shares(second, size)
    assert measures.jensen_shannon_distance(p, q) == pytest.approx(
        np.nan_to_num(distance.jensenshannon(p, q, base=2)), abs=1e-7
    )


@given(counts, counts)
def test_psi_is_the_entropy_either_way_round_of_scipy(first: list[int], second: list[int]) -> None:
    size = max(len(first), len(second))
    p, q = shares(first, size), shares(second, size)
    filled = [np.maximum(each, measures.LEAST_SHARE) for each in (p, q)]
    expected = stats.entropy(*filled) + stats.entropy(*filled[::-1])  # which makes them sum to one
    assert measures.population_stability_index(p, q) == pytest.approx(expected, abs=1e-12)


@given(numbers, numbers)
def test_kolmogorov_smirnov_is_scipys(first: list[float], second: list[float]) -> None:
    found = measures.kolmogorov_smirnov(Steps(np.array(first)), Steps(np.array(second)))
    assert found == pytest.approx(stats.ks_2samp(first, second, method="asymp").statistic, abs=1e-12)


@given(numbers, st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_quantiles_are_the_least_values_that_enough_rows_do_not_exceed(
    values: list[float], ranks: list[float]
) -> None:
    found = Steps(np.array(values)).quantiles(np.array(ranks))
    assert found == pytest.approx(np.quantile(values, ranks, method="inverted_cdf"))


def test_values_with_weights_stand_for_that_many() -> None:
    few = Steps(np.array([3.0, 1.0]), np.array([1.0, 4.0]))
    many = Steps(np.array([1.0, 1.0, 1.0, 1.0, 3.0]))
    at = np.array([0.0, 1.0, 2.0, 3.0])
    assert few.total == many.total == 5
    assert list(few.at_most(at)) == list(many.at_most(at)) == [0, 0.8, 0.8, 1]
    assert list(few.less(at)) == list(many.less(at)) == [0, 0, 0.8, 0.8]


@pytest.mark.parametrize("bins", [3, 5, 10, 13, 40])
@pytest.mark.parametrize("significance", [0.05, 0.001])
def test_the_bound_of_psi_is_the_quantile_of_chi_squared(bins: int, significance: float) -> None:
    found = measures.psi_by_chance(bins, (500, 800), significance)
    assert found == pytest.approx(stats.chi2.isf(significance, bins - 1) * (1 / 500 + 1 / 800), rel=0.03)


@pytest.mark.parametrize("rows", [(400, 400), (2_000, 300)])
def test_two_samples_of_one_distribution_exceed_the_bounds_as_often_as_is_said(rows: tuple[int, int]) -> None:
    random = np.random.default_rng(5)
    significance, trials, over = 0.02, 3_000, np.zeros(4)
    edges = np.linspace(0, 1, 11)
    for _ in range(trials):
        first, second = random.random(rows[0]), random.random(rows[1])
        p, q = (measures.shares(np.histogram(each, edges)[0].astype(float)) for each in (first, second))
        nulls = random.binomial(rows, 0.2)
        difference = abs(nulls[0] / rows[0] - nulls[1] / rows[1])
        both = nulls.sum() / sum(rows)
        over += [
            measures.population_stability_index(p, q) > measures.psi_by_chance(10, rows, significance),
            measures.jensen_shannon_distance(p, q)
            > measures.jensen_shannon_by_chance(10, rows, significance),
            measures.kolmogorov_smirnov(Steps(first), Steps(second))
            > measures.kolmogorov_smirnov_by_chance(rows, significance),
            difference > measures.share_by_chance(both, rows, significance),
        ]
    often = over / trials
    assert (often < 2 * significance).all(), often
    assert (often > significance / 4).all(), often


def test_equal_shares_are_no_distance_and_disjoint_ones_the_largest() -> None:
    p, q = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert measures.jensen_shannon_distance(p, p) == measures.population_stability_index(p, p) == 0
    assert measures.jensen_shannon_distance(p, q) == 1
    assert measures.population_stability_index(p, q) == pytest.approx(2 * np.log(1e4), rel=1e-3)
