"""Results of expectations in the registry: recorded with a run, whichever way it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from featurestore.errors import NotFoundError
from featurestore.protocols.expectations import CheckResult, Outcome
from featurestore.protocols.records import RunKind, RunStatus
from featurestore.protocols.registry import Registry
from featurestore.testing.registry_suite.base import (
    HOUR,
    PROJECT,
    VIEW,
    begin,
    change,
    commit,
    make_view,
    new_version,
)

RESULTS = [
    CheckResult("null_share:x", "warn", Outcome.FAILED, "at most 1 % null", "3 of 3 ü ✈ '\" %s", 2**40, 3),
    CheckResult("freshness", "reject", Outcome.PASSED, "fresh", "less than 1s old"),
    CheckResult("row_count", "reject", Outcome.SKIPPED, "the same", "not checked", None, None),
]


def numbers(registry: Registry, **wanted: int | None) -> list[int]:
    """The numbers of the runs with results."""
    return [run.number for run, _ in registry.run_checks(project=PROJECT, view=VIEW, **wanted)]  # type: ignore[arg-type]


class RunCheckCases:
    """What `add_run_checks` and `run_checks` promise."""

    def test_results_are_read_as_they_were_recorded(self, registry: Registry, another: Registry) -> None:
        commit(registry, change(make_view()))
        run = begin(registry)
        registry.add_run_checks(run=run, results=RESULTS)
        registry.publish_run(run=run, rows=3)
        ((found, results),) = another.run_checks(project=PROJECT, view=VIEW)
        assert (found.number, found.status) == (run.number, RunStatus.SUCCEEDED)
        assert results == RESULTS

    def test_of_a_rejected_run(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        run = begin(registry)
        registry.add_run_checks(run=run, results=RESULTS[:1])
        registry.fail_run(run=run, error="rejected")
        ((found, results),) = registry.run_checks(project=PROJECT, view=VIEW)
        assert (found.status, found.error) == (RunStatus.FAILED, "rejected")
        assert results == RESULTS[:1]

    def test_what_is_said_last_of_a_run_counts(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        run = begin(registry)
        for results in (RESULTS, RESULTS[1:2]):
            registry.add_run_checks(run=run, results=results)
        assert [results for _, results in registry.run_checks(project=PROJECT, view=VIEW)] == [RESULTS[1:2]]

    def test_texts_that_no_database_stores(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        run = begin(registry)
        registry.add_run_checks(run=run, results=[replace(RESULTS[0], found="a\0b\udc80")])
        ((_, (result,)),) = registry.run_checks(project=PROJECT, view=VIEW)
        assert result.found == "a\N{REPLACEMENT CHARACTER}b?"

    def test_the_latest_runs_by_version_and_number(self, registry: Registry) -> None:
        commit(registry, change(make_view()), change(make_view("other")))
        commit(registry, new_version(make_view(ttl=HOUR), 2))
        for end, version in ((10, 1), (20, 1), (30, 2)):
            run = begin(registry, end_us=end, version=version)
            registry.add_run_checks(run=run, results=RESULTS)
            registry.publish_run(run=run, rows=1)
        registry.publish_run(run=begin(registry, RunKind.FULL, end_us=40), rows=1)
        other = begin(registry, view="other", end_us=10)
        registry.add_run_checks(run=other, results=RESULTS)
        assert numbers(registry) == [3, 2, 1]
        assert numbers(registry, limit=2) == [3, 2]
        assert numbers(registry, version=1) == [2, 1]
        assert numbers(registry, number=2) == [2]
        assert numbers(registry, number=4) == []
        assert registry.run_checks(project="other", view=VIEW) == []

    def test_of_a_run_that_is_not_there(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        with pytest.raises(NotFoundError, match="no run 77"):
            registry.add_run_checks(run=begin(registry)._replace(number=77), results=RESULTS)
