"""Profiles as a person reads them in a terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.text import Text

from featurestore.cli.output import moment, new_table, say

Document = dict[str, Any]
_NUMBERS = ("Nulls", "Distinct", "Mean", "Std", "Min", "Median", "Max")
_LONGEST = 24


def profile(document: Document) -> None:
    """A profile: one line for each feature; then its slices."""
    say(Text(f"{document['name']}: {_rows(document)}", style="bold cyan"))
    say(_features(document))
    for each in document.get("slices", ()):
        value = "others" if each.get("others") else f"= {_text(each['value'])}"
        say("", Text(f"{each['column']} {value}: {_rows(each['profile'])}", style="bold cyan"))
        say(_features(each["profile"]))


def _rows(document: Document) -> str:
    text = f"{document['rows']:,} rows"
    if "last_event" not in document:
        return text
    first, last = (datetime.fromisoformat(document[key]) for key in ("first_event", "last_event"))
    return f"{text}, events from {moment(first, exact=False)} to {moment(last, exact=False)}"


def _features(document: Document) -> Any:
    table = new_table("Feature", "Type", *_NUMBERS, "Most frequent", right=_NUMBERS)
    for item in document["features"]:
        quantiles = dict(item.get("quantiles", ()))
        table.add_row(
            item["name"], item["type"], _share(item), _count(item.get("distinct")), _text(item.get("mean")),
            _text(item.get("standard_deviation")), _text(item.get("minimum")), _text(quantiles.get(0.5)),
            _text(item.get("maximum")), "(personal)" if item.get("pii") else _frequent(item),
        )  # fmt: skip
    return table


def _share(item: Document) -> str:
    return f"{(item['nulls'] + item.get('missing', 0)) / item['rows']:.1%}" if item["rows"] else "–"


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _frequent(item: Document) -> str:
    lengths = item.get("lengths")
    if lengths and "top_values" not in item:
        return f"lengths from {lengths['minimum']} to {lengths['maximum']}"
    often = [(value, count) for value, count in item.get("top_values", ())[:3] if count > 1]
    return ", ".join(f"{_text(value)} {count / item['rows']:.0%}" for value, count in often)
