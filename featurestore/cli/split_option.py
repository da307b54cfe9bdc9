"""How a split and tags are written on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import typer

from featurestore.cli.options import instant
from featurestore.definitions.splits import EntitySplit, RandomSplit, Split, StratifiedSplit, TimeSplit
from featurestore.definitions.windows import parse_duration

_HINT = "write train=0.8,test=0.2, or for parts in time train=2024-06-01,test="


def read_split(text: str, by: str, purge: str, embargo: str) -> Split | None:
    """The split that the options describe; None without one.

    Raises:
        BadParameter: if they do not.
    """
    if not text:
        return None
    parts = _pairs(text.split(","), "--split", _HINT)
    if any(not value for value in parts.values()):
        ends = {name: _end(value) for name, value in parts.items()}
        return TimeSplit(ends, purge=_duration(purge, "--purge"), embargo=_duration(embargo, "--embargo"))
    try:
        fractions = {name: float(value) for name, value in parts.items()}
    except ValueError as error:
        raise typer.BadParameter(f"{error}; {_HINT}", param_hint="--split") from error
    if by == "row":
        return RandomSplit(fractions)
    return EntitySplit(fractions) if by == "entity" else StratifiedSplit(fractions, column=by)


def read_tags(texts: Iterable[str]) -> dict[str, str]:
    """Tags written as ``key=value``."""
    return _pairs(texts, "--tag", "write key=value")


def _pairs(texts: Iterable[str], option: str, hint: str) -> dict[str, str]:
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise typer.BadParameter(f"{text!r} is not understood; {hint}.", param_hint=option)
        pairs[key.strip()] = value.strip()
    return pairs


def _end(text: str) -> datetime | None:
    return instant(text or None, "--split")


def _duration(text: str, option: str) -> timedelta:
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    return found if isinstance(found, timedelta) else timedelta(0)
