"""The names of one view's tables in a session."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True)
class Tables:
    """One view's tables; each is described where it is made."""

    source: str
    wanted: str
    keys: str
    spine: str
    narrow: str
    placed: str
    points: str
    first: str
    lasting: str
    spans: str
    nodes: str
    passing: str
    best: str
    doubtful: str
    doubtful_rows: str
    doubtful_values: str
    refined: str
    found: str
    match: str
    groups: str
    winners: str
    tied_rows: str
    values: str
    result: str

    @classmethod
    def of(cls, prefix: str) -> Self:
        """The names, each with the prefix."""
        return cls(**{field.name: prefix + field.name for field in fields(cls)})
