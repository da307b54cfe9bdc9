"""The part of the registry's seam that deals with the profiles of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from featurestore.protocols.records import Run


class StatisticsRegistry(Protocol):
    """What the profiles of runs are kept in."""

    def add_run_profile(self, *, run: Run, profile: Mapping[str, Any]) -> None:
        """Record the profile of what a run writes, before it is published. Said again, it replaces the first one.

        Args:
            run: one that has begun.
            profile: in JSON form.

        Raises:
            NotFoundError: if the registry has no such run.
        """
        ...

    def profiled_runs(
        self,
        *,
        project: str,
        view: str,
        version: int,
        since_us: int | None = None,
        until_us: int | None = None,
        up_to: int | None = None,
        limit: int | None = None,
    ) -> list[Run]:
        """The runs of a view version that succeeded and have a profile, oldest first.

        Args:
            project: the project of the view.
            view: its name.
            version: its version.
            since_us: only runs whose values are of later instants (microseconds).
            until_us: only runs whose values are of instants up to this one.
            up_to: only runs with numbers up to this one.
            limit: only the latest so many of them.
        """
        ...

    def run_profile(self, *, project: str, view: str, number: int) -> Mapping[str, Any]:
        """The profile of a run.

        Raises:
            NotFoundError: if there is no such run, or it has none.
            RegistryIntegrityError: if it cannot be read.
        """
        ...
