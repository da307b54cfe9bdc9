"""Quantile bands over time: where the middle half and nine tenths of the values lay, run by run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from featurestore.charts.histogram import SIZE, anchor
from featurestore.charts.letters import width
from featurestore.charts.markup import Markup, path, picture, tag
from featurestore.charts.numbers import Scale, moment, percent, short, tick_labels, ticks, time_ticks

WIDTH, HEIGHT = 360.0, 148.0
_RIGHT, _TOP, _BASE = 354.0, 8.0, 122.0


@dataclass(frozen=True, slots=True)
class Moment:
    """The quantiles of one run.

    Attributes:
        at: the instant whose values they are.
        quantiles: 5 %, 25 %, 50 %, 75 % and 95 %; None if there were no values.
        null_share: of its rows.
    """

    at: datetime
    quantiles: tuple[float, float, float, float, float] | None
    null_share: float


def quantile_bands(title: str, moments: Sequence[Moment]) -> Markup:
    """The bands as areas, the median as a line, the runs as dots on it.

    Args:
        title: what it shows.
        moments: in the order of time; one with values at least.
    """
    known = [(each, each.quantiles) for each in moments if each.quantiles is not None]
    values = [value for _, quantiles in known for value in quantiles]
    up = _scale(values)
    marks = ticks(up.low, up.high, 4)
    labels = tick_labels(marks)
    left = max(width(label, SIZE) for label in labels) + 8
    across = Scale(_seconds(moments[0].at), _seconds(moments[-1].at), left + 6, _RIGHT - 6)
    pieces = _pieces(moments)
    drawn = [
        tag("path", d=_band(piece, low, high, across, up), class_=f"band {kind}")
        for low, high, kind in ((0, 4, "outer"), (1, 3, "inner"))
        for piece in pieces
    ]
    lines = [
        tag("path", d=path((across(_seconds(each.at)), up(q[2])) for each, q in piece), class_="median")
        for piece in pieces
    ]
    dots = [
        tag(
            "circle",
            tag("title", _told(each, q)),
            cx=across(_seconds(each.at)),
            cy=up(q[2]),
            r=2.5,
            class_="dot",
        )
        for each, q in known
    ]
    description = (
        f"Quantiles of {len(moments)} runs from {moment(moments[0].at)} to {moment(moments[-1].at)}: "
        f"the median goes from {short(known[0][1][2])} to {short(known[-1][1][2])}."
    )
    axes = [_rows(left, up, marks, labels), _columns(left, across, moments[0].at, moments[-1].at)]
    return picture(WIDTH, HEIGHT, title, description, *axes, *drawn, *lines, *dots)


_Known = list[tuple[Moment, tuple[float, float, float, float, float]]]


def _pieces(moments: Iterable[Moment]) -> list[_Known]:
    """Runs side by side that have values: a run without any is a gap."""
    pieces: list[_Known] = [[]]
    for each in moments:
        if each.quantiles is None:
            pieces.append([])
        else:
            pieces[-1].append((each, each.quantiles))
    return [piece for piece in pieces if piece]


def _band(piece: _Known, low: int, high: int, across: Scale, up: Scale) -> str:
    # One run alone is a bar, for an area of no width would not be seen.
    half = 3.0 if len(piece) == 1 else 0.0
    xs = [across(_seconds(each.at)) for each, _ in piece]
    upper = [(x + side, up(q[high])) for x, (_, q) in zip(xs, piece, strict=True) for side in _sides(half)]
    lower = [(x + side, up(q[low])) for x, (_, q) in zip(xs, piece, strict=True) for side in _sides(half)]
    return path([*upper, *reversed(lower)], closed=True)


def _sides(half: float) -> tuple[float, ...]:
    return (-half, half) if half else (0.0,)


def _scale(values: Sequence[float]) -> Scale:
    low, high = min(values), max(values)
    margin = (high / 2 - low / 2) * 0.1 or abs(high) * 0.1 or 1.0
    return Scale(low - margin, high + margin, _BASE, _TOP)


def _rows(left: float, up: Scale, marks: Sequence[float], labels: Sequence[str]) -> Markup:
    lines = [tag("line", x1=left, x2=_RIGHT, y1=up(v), y2=up(v), class_="grid") for v in marks]
    names = zip(marks, labels, strict=True)
    return tag(
        "g", *lines, *(tag("text", name, x=left - 6, y=up(v) + 3.5, class_="end") for v, name in names)
    )


def _columns(left: float, across: Scale, first: datetime, last: datetime) -> Markup:
    places = [(across(_seconds(at)), label) for at, label in time_ticks(first, last)]
    names = [tag("text", label, x=x, y=_BASE + 17, class_=anchor(x, label)) for x, label in places]
    return tag("g", tag("line", x1=left, x2=_RIGHT, y1=_BASE, y2=_BASE, class_="axis"), *names)


def _told(each: Moment, quantiles: Sequence[float]) -> str:
    median, middle, most = short(quantiles[2]), quantiles[1:4:2], quantiles[::4]
    return (
        f"{moment(each.at)}: median {median}, half from {short(middle[0])} to {short(middle[1])}, "
        f"90 % from {short(most[0])} to {short(most[1])}, nulls {percent(each.null_share)}"
    )


def _seconds(at: datetime) -> float:
    return at.timestamp()
