"""The part of the registry's seam that deals with what was expected of rows, and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from featurestore.protocols.records import Run


class Outcome(StrEnum):
    """How one expectation came out. SKIPPED: there was nothing to compare with, or no need any more."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was expected of some rows, and what was found.

    Attributes:
        name: of the expectation, such as ``null_share:delay``.
        on_failure: ``"reject"`` or ``"warn"``.
        outcome: how it came out.
        expected: in words.
        found: in words.
        rows: how many rows (or values) were looked at, or None.
        failing: how many of them are not as expected, where it is about single ones.
    """

    name: str
    on_failure: str
    outcome: Outcome
    expected: str
    found: str
    rows: int | None = None
    failing: int | None = None

    @property
    def rejects(self) -> bool:
        """Whether nothing may be published or saved because of it."""
        return self.outcome is Outcome.FAILED and self.on_failure == "reject"

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> CheckResult:
        """Read back what `to_json` gave."""
        return cls(**{**document, "outcome": Outcome(document["outcome"])})

    def __str__(self) -> str:
        return f"{self.name}: expected {self.expected}, found {self.found}"


class ExpectationsRegistry(Protocol):
    """What the results of runs are kept in."""

    def add_run_checks(self, *, run: Run, results: Sequence[CheckResult]) -> None:
        """Record how a run's expectations came out, before its end. Said again, it replaces what was said first.

        Raises:
            NotFoundError: if the registry has no such run.
        """
        ...

    def run_checks(
        self,
        *,
        project: str,
        view: str,
        version: int | None = None,
        number: int | None = None,
        limit: int = 100,
    ) -> list[tuple[Run, list[CheckResult]]]:
        """The latest runs of a view with results, newest first.

        Args:
            project: the project of the view.
            view: its name.
            version: only runs of this version.
            number: only the run of this number.
            limit: so many runs.
        """
        ...
