"""Commits: compare-and-swap on the project's revision, all or nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from featurestore.definitions.entity import Entity
from featurestore.definitions.types import String
from featurestore.errors import RegistryError, StaleRegistryError
from featurestore.protocols.records import Change, ChangeAction
from featurestore.protocols.registry import Registry
from featurestore.testing.registry_suite.base import (
    ARRIVALS,
    HOUR,
    PLANE,
    PROJECT,
    change,
    commit,
    commit_until_done,
    make_view,
    new_version,
)

THREADS = 8


class CommitCases:
    """What `commit` promises."""

    def test_each_commit_is_one_revision(self, registry: Registry) -> None:
        assert commit(registry, change(PLANE), change(ARRIVALS)) == 1
        assert commit(registry, change(make_view())) == 2
        assert registry.revision(project=PROJECT) == 2

    @pytest.mark.parametrize("seen", [0, 1, 3])
    def test_a_commit_on_another_revision_writes_nothing(self, registry: Registry, seen: int) -> None:
        commit(registry, change(PLANE))
        commit(registry, change(ARRIVALS))
        before = registry.definitions(project=PROJECT)
        with pytest.raises(StaleRegistryError, match=rf"revision {seen}\b.*revision 2\b.*\n.*plan again"):
            registry.commit(project=PROJECT, expected_revision=seen, changes=[change(make_view())])
        assert StaleRegistryError.retryable
        assert registry.definitions(project=PROJECT) == before

    def test_the_first_commit_of_a_project_is_compared_too(self, registry: Registry) -> None:
        with pytest.raises(StaleRegistryError, match="revision 0"):
            registry.commit(project=PROJECT, expected_revision=5, changes=[change(PLANE)])
        assert registry.definitions(project=PROJECT) == (0, [])

    @pytest.mark.parametrize(
        "unfit",
        [
            pytest.param(change(make_view()), id="created twice"),
            pytest.param(new_version(make_view(ttl=HOUR), 3), id="a number left out"),
            pytest.param(new_version(make_view(ttl=HOUR), 1), id="a number used twice"),
            pytest.param(new_version(make_view("other"), 2), id="a version of nothing"),
            pytest.param(
                change(make_view(owner="x"), ChangeAction.METADATA, version=2), id="no such version"
            ),
            pytest.param(change(make_view("other"), ChangeAction.RETIRE), id="nothing to retire"),
        ],
    )
    def test_a_change_that_does_not_fit_takes_the_whole_commit_back(
        self, registry: Registry, unfit: Change
    ) -> None:
        commit(registry, change(make_view()))
        before = registry.definitions(project=PROJECT)
        with pytest.raises(RegistryError, match=unfit.name):
            commit(registry, change(PLANE), unfit)
        assert registry.definitions(project=PROJECT) == before

    def test_threads_that_commit_at_once_lose_nothing(self, registry: Registry) -> None:
        names = [f"e{number}" for number in range(3 * THREADS)]
        changes = [change(Entity(name, join_keys={"k": String})) for name in names]
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda new: commit_until_done(registry, new), changes))
        revision, stored = registry.definitions(project=PROJECT)
        assert sorted(s.name for s in stored) == sorted(names)
        assert revision == len(names)

    def test_of_two_commits_on_one_revision_one_fails(self, registry: Registry, another: Registry) -> None:
        def attempt(name: str, through: Registry) -> bool:
            new = change(Entity(name, join_keys={"k": String}))
            try:
                through.commit(project=PROJECT, expected_revision=0, changes=[new])
            except StaleRegistryError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            won = list(pool.map(attempt, ("a", "b"), (registry, another)))
        assert sorted(won) == [False, True]
        revision, (stored,) = registry.definitions(project=PROJECT)
        assert (revision, stored.name) == (1, "ab"[won.index(True)])
