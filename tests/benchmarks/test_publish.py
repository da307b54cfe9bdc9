"""The published measurements are what the committed result files say."""

from __future__ import annotations

import pytest

from benchmarks import publish
from benchmarks.figures import Figure, Reading


def test_committed_table_and_plot_are_what_the_committed_results_make():
    for path, text in publish.published(publish.newest()).items():
        assert path.read_text() == text, f"{path.name} is stale: python -m benchmarks.publish"


def test_every_benchmark_counts_once_with_its_newest_full_run():
    names = [result["benchmark"] for result in publish.newest()]
    assert len(names) == len(set(names)) > 0


def test_text_without_markers_is_refused():
    with pytest.raises(ValueError, match="measurements: begin"):
        publish.between_markers("no markers", "new")


@pytest.mark.parametrize(
    ("value", "peer_value", "at_least", "met"),
    [(3.0, 2.0, False, True), (3.1, 2.0, False, False), (3.1, 2.0, True, True), (2.0, 2.0, True, False)],
)
def test_goal_of_a_ratio_is_met_on_its_side(value, peer_value, at_least, met):
    figure = Figure("bytes", "bytes", goal=1.5, peer="floor", at_least=at_least)
    reading = Reading.of(figure, [{"bytes": value}], [{"bytes": peer_value}])
    assert reading is not None
    assert reading.ratio == value / peer_value
    assert reading.met is met


def test_figure_that_was_not_measured_is_left_out():
    assert Reading.of(Figure("bytes", "bytes"), [{"seconds": 1.0}], None) is None
