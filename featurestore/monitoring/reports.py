"""What `check_expectations` and the other verbs about expectations give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featurestore.definitions.expectation import Expectation
from featurestore.protocols.expectations import CheckResult, Outcome
from featurestore.protocols.records import Run

if TYPE_CHECKING:
    import pyarrow as pa

_MARKS = {Outcome.PASSED: "ok", Outcome.FAILED: "FAILED", Outcome.SKIPPED: "skipped"}


@dataclass(frozen=True, slots=True)
class CheckedView:
    """How the expectations of one view came out.

    Attributes:
        view: its name.
        version: None for an object that is not registered.
        results: in the order of the view.
        failing_rows: some of the rows that failed, without personal values; None if there are none.
    """

    view: str
    version: int | None
    results: tuple[CheckResult, ...]
    failing_rows: pa.Table | None

    @property
    def label(self) -> str:
        """The view with its version."""
        return self.view if self.version is None else f"{self.view}@{self.version}"


@dataclass(frozen=True, slots=True)
class ExpectationReport:
    """How the expectations of some views came out; nothing was written."""

    views: tuple[CheckedView, ...]

    @property
    def passed(self) -> bool:
        """Whether a run would not be rejected."""
        return not any(result.rejects for view in self.views for result in view.results)

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """All that failed, warnings too."""
        return tuple(r for view in self.views for r in view.results if r.outcome is Outcome.FAILED)

    def to_json(self) -> dict[str, Any]:
        """As JSON, without the failing rows."""
        views = [
            {"view": v.view, "version": v.version, "results": [r.to_json() for r in v.results]}
            for v in self.views
        ]
        return {"passed": self.passed, "views": views}

    def __str__(self) -> str:
        lines = []
        for view in self.views:
            lines.append(f"{view.label}:" if view.results else f"{view.label}: expects nothing")
            lines += [f"    {_mark(result)} {result}" for result in view.results]
        return "\n".join(lines)


def _mark(result: CheckResult) -> str:
    warned = result.outcome is Outcome.FAILED and result.on_failure == "warn"
    return f"[{'warning' if warned else _MARKS[result.outcome]}]"


@dataclass(frozen=True, slots=True)
class RunExpectations:
    """How the expectations of one run came out."""

    run: Run
    results: tuple[CheckResult, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An expectation that a view could have.

    Attributes:
        expectation: its repr is Python that makes it.
        reason: why.
    """

    expectation: Expectation
    reason: str


class Suggestions(tuple[Suggestion, ...]):
    """Suggested expectations. Printed, they are Python that can be pasted into the view."""

    __slots__ = ()

    def __str__(self) -> str:
        lines = [f"    {each.expectation!r},  # {each.reason}" for each in self]
        imports = "# from decimal import Decimal\n" if any("Decimal(" in line for line in lines) else ""
        return imports + "\n".join(["expectations=[", *lines, "],"])
