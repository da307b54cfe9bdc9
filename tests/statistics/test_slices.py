"""Slices: groups by the values of a column, none of which is smaller than it may be."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurestore.definitions.types import Bool, Float64, Int64, List, String
from featurestore.errors import RequestError
from featurestore.statistics.collect import MOST_GROUPS, Collector, ProfiledColumn
from featurestore.statistics.profile import Profile
from featurestore.statistics.slices import shown_and_others
from tests.statistics.plain import check, profile_of, same_again

COLUMNS = [ProfiledColumn("x", Int64), ProfiledColumn("g", String)]


def sliced(groups: Sequence[str | None], minimum: int = 3, *, batch: int = 7) -> Profile:
    """Rows with their number and a group."""
    table = pa.table({"x": pa.array(range(len(groups)), pa.int64()), "g": pa.array(groups, pa.string())})
    collector = Collector(COLUMNS, slices=[COLUMNS[1]], minimum_group=minimum)
    for part in table.to_batches(max_chunksize=batch):
        collector.add(part)
    return collector.result()


def sizes(profile: Profile) -> dict[Any, int]:
    """Value, or ``...`` for the others, to number of rows."""
    return {... if each.others else each.value: each.profile.rows for each in profile.slices}


@given(st.lists(st.sampled_from(["a", "b", "c", "d", "", None]), max_size=60), st.integers(1, 8))
def test_each_group_is_a_profile_of_its_rows(groups: list[str | None], minimum: int) -> None:
    profile = sliced(groups, minimum)
    for each in profile.slices:
        if not each.others:
            numbers = [number for number, group in enumerate(groups) if group == each.value]
            check(each.profile["x"], numbers, Int64)
    shown = sizes(profile)
    assert sum(shown.values()) == len(groups)
    hidden = Counter(groups) - Counter({value: count for value, count in shown.items() if value is not ...})
    assert all(count >= minimum for value, count in shown.items() if value is not ...)
    # What is left out is told by the whole and what is shown: so it is never one group, nor few rows.
    if hidden and len(shown) > 1:
        assert len(hidden) > 1
        assert shown[...] >= minimum
    assert same_again(profile)


@given(st.lists(st.integers(1, 30), max_size=12), st.integers(1, 12))
def test_what_is_hidden_is_never_a_single_group_that_could_be_told(counts: list[int], minimum: int) -> None:
    shown, others = shown_and_others(counts, minimum)
    assert sorted([*shown, *others]) == list(range(len(counts)))
    assert all(counts[group] >= minimum for group in shown)
    if shown and others:
        assert len(others) > 1
        assert sum(counts[group] for group in others) >= minimum


def test_a_group_that_is_too_small_takes_another_one_with_it() -> None:
    profile = sliced(["a"] * 10 + ["b"] * 5 + ["c"], minimum=3)
    assert sizes(profile) == {"a": 10, ...: 6}
    assert profile.minimum_group == 3
    assert sizes(sliced(["a"] * 10 + ["b"] * 5 + [None] * 3, minimum=3)) == {"a": 10, "b": 5, None: 3}


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=25), min_size=2, max_size=3))
def test_merged_slices_count_every_row_once_and_show_only_what_is_certain(
    parts: list[list[str | None]],
) -> None:
    merged = sliced(parts[0])
    for part in parts[1:]:
        merged = merged.merge(sliced(part))
    everything = list(itertools.chain.from_iterable(parts))
    shown = sizes(merged)
    assert sum(shown.values()) == len(everything)
    truth = Counter(everything)
    assert all(count == truth[value] for value, count in shown.items() if value is not ...)


def test_rows_are_not_sliced_by_what_must_not_or_cannot_divide_them() -> None:
    with pytest.raises(RequestError, match=r"by email: its values are personal \(tag pii\)"):
        Collector(COLUMNS, slices=[ProfiledColumn("email", String, pii=True)])
    for dtype in (Float64, List(Int64)):
        with pytest.raises(RequestError, match="cannot be sliced by x, which is"):
            Collector(COLUMNS, slices=[ProfiledColumn("x", dtype)])
    with pytest.raises(RequestError, match="minimum_group must be at least 1"):
        Collector(COLUMNS, minimum_group=0)
    with pytest.raises(RequestError, match=f"more than {MOST_GROUPS} different values"):
        sliced([str(number) for number in range(MOST_GROUPS + 1)])


def test_slices_by_a_bool() -> None:
    chance = np.random.default_rng(3)
    rows = 5_000
    table = pa.table({"x": chance.random(rows), "late": chance.random(rows) < 0.2})
    late = ProfiledColumn("late", Bool)
    collector = Collector([ProfiledColumn("x", Float64)], slices=[late])
    for part in table.to_batches(max_chunksize=999):
        collector.add(part)
    found = {each.value: each.profile["x"] for each in collector.result().slices}
    numbers, chosen = np.asarray(table["x"]), np.asarray(table["late"])
    for value in (True, False):
        assert found[value].mean == pytest.approx(numbers[chosen == value].mean())
        assert found[value].rows == (chosen == value).sum()


def test_of_personal_values_only_counts_are_kept() -> None:
    table = pa.table({"x": [1, 2, 2, None]})
    collector = Collector([ProfiledColumn("x", Int64, pii=True)])
    collector.add(table.to_batches()[0])
    profile = collector.result()["x"]
    assert profile.to_json() == {
        "name": "x", "type": "int64", "rows": 4, "nulls": 1, "distinct": 2, "pii": True,
    }  # fmt: skip
    merged = profile.merge(profile_of([5], Int64))
    assert merged.to_json() == {"name": "x", "type": "int64", "rows": 5, "nulls": 1, "pii": True}
