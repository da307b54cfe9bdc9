"""Histograms: of one series as bars, of two laid over each other; and shares of categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from featurestore.charts.letters import fitted, width
from featurestore.charts.markup import Markup, path, picture, tag
from featurestore.charts.numbers import Scale, percent

WIDTH, HEIGHT = 360.0, 132.0
_LEFT, _RIGHT, _TOP, _BASE = 6.0, 354.0, 8.0, 108.0
_ROW, _LABEL, _BAR_END = 24.0, 124.0, 308.0
SIZE = 11
"""Of the font, in pixels."""


@dataclass(frozen=True, slots=True)
class Series:
    """Shares of the rows per bin, or per category.

    Attributes:
        name: whose they are.
        shares: they need not sum to one: what no bin covers is missing.
    """

    name: str
    shares: Sequence[float]


def histogram(
    title: str,
    edges: Sequence[float],
    series: Sequence[Series],
    ticks: Sequence[tuple[float, str]],
    ranges: Sequence[str],
) -> Markup:
    """A histogram of one series, or of a reference (grey, filled) with another one over it (a line).

    What lies beyond the edges is told in a note.

    Args:
        title: what it shows.
        edges: of the bins.
        series: one or two.
        ticks: values with their labels.
        ranges: each bin in words.
    """
    across = Scale(edges[0], edges[-1], _LEFT, _RIGHT)
    top = max((share for each in series for share in each.shares), default=0) or 1.0
    up = Scale(0, top, _BASE, _TOP)
    *behind, front = series
    drawn = [tag("path", d=_steps(edges, each.shares, across, up), class_="before") for each in behind]
    shape = _steps(edges, front.shares, across, up)
    drawn.append(tag("path", d=shape, class_="now over" if behind else "now"))
    hover = [
        tag(
            "rect",
            tag("title", _told(ranges[index], series, index)),
            x=across(edges[index]),
            y=_TOP,
            width=max(across(edges[index + 1]) - across(edges[index]), 0.5),
            height=_BASE - _TOP,
            class_="hover",
        )
        for index in range(len(edges) - 1)
    ]
    description = f"Histogram of {' and '.join(each.name for each in series)}: {_highest(series, ranges)}."
    beyond = max(1 - sum(each.shares) for each in series)
    note = (
        tag("text", f"{percent(beyond)} beyond", x=_RIGHT, y=_TOP + 6, class_="end note")
        if beyond > 5e-4
        else None
    )
    axis = _axis([(across(value), label) for value, label in ticks])
    return picture(WIDTH, HEIGHT, title, description, *drawn, axis, note, *hover)


def categories(title: str, labels: Sequence[str], series: Sequence[Series]) -> Markup:
    """Horizontal bars, one per category and series."""
    top = max((share for each in series for share in each.shares), default=0) or 1.0
    along = Scale(0, top, _LABEL, _BAR_END)
    height = 8 + _ROW * len(labels)
    rows = [
        _category(label, [each.shares[index] for each in series], 8 + _ROW * index, along)
        for index, label in enumerate(labels)
    ]
    description = f"Shares of {' and '.join(each.name for each in series)}: {_highest(series, labels)}."
    return picture(WIDTH, height, title, description, *rows)


def _category(label: str, shares: Sequence[float], y: float, along: Scale) -> Markup:
    thick = 12.0 if len(shares) == 1 else 7.0
    classes = ("now",) if len(shares) == 1 else ("before", "now")
    bars = [
        tag(
            "rect",
            x=_LABEL,
            y=y + (_ROW - 6 - thick * len(shares)) / 2 + thick * index,
            width=max(along(share) - _LABEL, 1.0 if share else 0.0),
            height=thick - 1,
            class_=classes[index],
        )
        for index, share in enumerate(shares)
    ]
    shown = fitted(label or "(empty)", _LABEL - 12, SIZE)
    name = tag("text", tag("title", label), shown, x=_LABEL - 8, y=y + 13, class_="end name")
    value = tag("text", percent(shares[-1]), x=WIDTH - 4, y=y + 13, class_="end value")
    return tag("g", tag("title", f"{label}: {' → '.join(map(percent, shares))}"), name, *bars, value)


def _steps(edges: Sequence[float], shares: Sequence[float], across: Scale, up: Scale) -> str:
    points = [(across(edges[0]), up(0))]
    for index, share in enumerate(shares):
        points += [(across(edges[index]), up(share)), (across(edges[index + 1]), up(share))]
    return path([*points, (across(edges[-1]), up(0))])


def _axis(places: Sequence[tuple[float, str]]) -> Markup:
    line = tag("line", x1=_LEFT, x2=_RIGHT, y1=_BASE, y2=_BASE, class_="axis")
    marks = [tag("line", x1=x, x2=x, y1=_BASE, y2=_BASE + 4, class_="axis") for x, _ in places]
    labels = [tag("text", label, x=x, y=_BASE + 17, class_=anchor(x, label)) for x, label in places]
    return tag("g", line, *marks, *labels)


def anchor(x: float, label: str) -> str:
    """How a label is set so that it stays inside the picture."""
    half = width(label, SIZE) / 2
    return "start" if x - half < 0 else "end" if x + half > WIDTH else "middle"


def _told(where: str, series: Sequence[Series], index: int) -> str:
    shares = ", ".join(f"{each.name} {percent(each.shares[index])}" for each in series)
    return f"{where}: {shares}"


def _highest(series: Sequence[Series], places: Sequence[str]) -> str:
    tops = []
    for each in series:
        index = max(range(len(each.shares)), key=lambda i: each.shares[i], default=None)
        if index is not None:
            tops.append(f"{percent(each.shares[index])} of {each.name} at {places[index]}")
    return "highest " + ", ".join(tops) if tops else "no values"
