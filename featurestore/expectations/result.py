"""From numbers to results."""

from __future__ import annotations

from collections.abc import Sequence

from featurestore.definitions.expectation import Expectation
from featurestore.definitions.expectations import share_text
from featurestore.protocols.expectations import CheckResult, Outcome


def outcome(
    expectation: Expectation,
    holds: bool,
    found: str,
    *,
    rows: int | None = None,
    failing: int | None = None,
) -> CheckResult:
    """The result of an expectation that holds, or does not."""
    return CheckResult(
        expectation.name,
        expectation.on_failure,
        Outcome.PASSED if holds else Outcome.FAILED,
        expectation.text,
        found,
        rows,
        failing,
    )


def skipped(expectation: Expectation, why: str) -> CheckResult:
    """The result of one that was not looked at."""
    return CheckResult(
        expectation.name, expectation.on_failure, Outcome.SKIPPED, expectation.text, f"not checked: {why}"
    )


def share_outcome(
    expectation: Expectation, failing: int, rows: int, at_most: float, *, what: str, of: str
) -> CheckResult:
    """The result of one that only a share of the rows may fail; without rows it holds."""
    if not rows:
        return outcome(expectation, True, f"no {of}", rows=0, failing=0)
    found = f"{failing:,} of {rows:,} {of} {what}"
    if failing:
        found += f" ({share_text(failing / rows)})"
    return outcome(expectation, failing / rows <= at_most, found, rows=rows, failing=failing)


def rejecting(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Those because of which nothing may be published."""
    return [result for result in results if result.rejects]
