"""Numbers and times as axes and tables show them, and texts as HTML has them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurestore.charts.graph import Arrow, Box, layered_graph
from featurestore.charts.layers import Layers
from featurestore.charts.letters import fitted, width
from featurestore.charts.markup import Markup, tag, text
from featurestore.charts.numbers import Scale, percent, short, tick_labels, ticks, time_ticks

finite = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"), (float("nan"), "–"), (0, "0"), (-0.0, "0"), (5, "5"), (5.0, "5"), (0.1234, "0.123"),
        (65.02, "65.0"), (-3.14159, "−3.14"), (999.4, "999"), (999.6, "1000"), (2013, "2013"), (12_345.6, "12,346"),
        (99_999.6, "100k"), (123_456, "123k"), (-1_234_567, "−1.23M"), (999_999, "1.00M"), (2.5e9, "2.50G"),
        (4e13, "40.0T"), (0.00012, "1.2e−4"), (-1e300, "−1e300"), (float("-inf"), "−∞"),
    ],
)  # fmt: skip
def test_numbers_are_short(value: float | None, expected: str) -> None:
    assert short(value) == expected


@given(finite)
def test_numbers_are_right_to_three_digits_and_never_long(value: float) -> None:
    said = short(value)
    assert len(said) <= 9
    factors = {"k": "e3", "M": "e6", "G": "e9", "T": "e12"}
    if abs(value) > 1.7e308:
        return  # rounded up it is more than a float can be
    read = float("".join(factors.get(letter, letter) for letter in said).replace("−", "-").replace(",", ""))
    assert read == pytest.approx(value, rel=0.06)
    if 1e-3 <= abs(value) < 1e12:
        assert read == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (None, "–"),
        (0, "0 %"),
        (1, "100 %"),
        (0.0001, "<0.1 %"),
        (0.01, "1.0 %"),
        (0.1234, "12.3 %"),
        (0.9999, ">99.9 %"),
    ],
)  # fmt: skip
def test_a_share_is_only_none_or_all_if_it_is(share: float | None, expected: str) -> None:
    assert percent(share) == expected


@given(finite, finite)
def test_ticks_lie_in_the_range_and_have_labels_of_their_own(first: float, second: float) -> None:
    low, high = sorted([first, second])
    found = ticks(low, high)
    assert len(found) <= 6
    slack = (high / 2 - low / 2) * 1e-6 + abs(low) * 1e-12
    assert all(low - slack <= value <= high + slack for value in found)
    if len(found) > 1:
        assert len(set(tick_labels(found))) == len(found)


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    st.timedeltas(timedelta(0), timedelta(days=40_000)),
)
def test_ticks_of_time_lie_in_the_range(low: datetime, span: timedelta) -> None:
    found = time_ticks(low, low + span)
    assert 1 <= len(found) <= 6
    assert all(low <= at <= low + span for at, _ in found)


@pytest.mark.parametrize(
    ("span", "labels"),
    [
        (timedelta(days=364), ["2013", "Apr", "Jul", "Oct"]),
        (timedelta(hours=12), ["00:00", "03:00", "06:00", "09:00", "12:00"]),
        (timedelta(days=3), ["1 Jan", "2 Jan", "3 Jan", "4 Jan"]),
        (timedelta(0), ["00:00"]),
    ],
)
def test_ticks_of_time_read_well(span: timedelta, labels: list[str]) -> None:
    start = datetime(2013, 1, 1, tzinfo=UTC)
    assert [label for _, label in time_ticks(start, start + span)] == labels


@given(finite, finite, st.floats(0, 1))
def test_a_scale_stays_between_its_ends(first: float, second: float, share: float) -> None:
    low, high = sorted([first, second])
    value = low * (1 - share) + high * share
    assert math.isfinite(Scale(low, high, 10, 350)(min(max(value, low), high)))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.texts = ""

    def handle_starttag(self, name: str, attrs: object) -> None:
        self.elements.append(name)

    def handle_data(self, data: str) -> None:
        self.texts += data


@given(st.text(st.characters(exclude_categories=["Cc"])))
def test_any_text_is_text_again_for_a_reader(given: str) -> None:
    reader = _Reader()
    reader.feed(tag("p", given, title=given))
    reader.close()
    assert reader.elements == ["p"]
    assert reader.texts == given.encode("utf-8", "replace").decode().replace("\ufffe", "\ufffd").replace(
        "\uffff", "\ufffd"
    )


def test_text_that_no_file_can_hold_is_replaced() -> None:
    assert text("a\x00b\ud800") == "a\ufffdb?"
    assert text(Markup("<b>")) == "<b>"


@given(st.text(), st.floats(20, 200))
def test_a_text_is_cut_to_fit_but_keeps_both_ends(given: str, room: float) -> None:
    shown = fitted(given, room, 11)
    assert width(shown, 11) <= room
    if shown != given:
        begin, _, end = shown.partition("…")
        assert given.startswith(begin)
        assert given.endswith(end)


def test_layers_go_from_left_to_right_and_long_edges_pass_by() -> None:
    edges = [(0, 1), (1, 2), (0, 2), (3, 2)]
    layers = Layers(4, edges)
    where = {node: column for column, layer in enumerate(layers.ordered) for node in layer}
    assert [where[node] for node in range(4)] == [0, 1, 2, 1]
    assert layers.ways[0] == [0, 1]
    assert [where[node] for node in layers.ways[2]] == [0, 1, 2]


def test_a_graph_of_one_node_can_be_drawn() -> None:
    assert layered_graph("One", [Box("source", "<a>")], []).count("&lt;a&gt;") == 2


def test_a_graph_tells_its_edges() -> None:
    drawn = layered_graph("Two", [Box("column", "a"), Box("feature", "b", marked=True)], [Arrow(0, 1, "key")])
    assert "<title>a → b (key)</title>" in drawn
    assert 'class="edge aside"' in drawn
