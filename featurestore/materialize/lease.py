"""Keeping a run's lease alive while it works."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from types import TracebackType
from typing import Self

from featurestore.errors import RegistryError, RegistryUnavailableError
from featurestore.protocols.records import Run
from featurestore.protocols.registry import RegistryWriter

_log = logging.getLogger(__name__)
LEASE = timedelta(seconds=60)


class LeaseKeeper:
    """Extends a run's lease in the background, three times per lease.

    `check` raises what the last extension raised, so that a run which lost its lease stops writing. A
    registry that cannot be reached for a while is no reason to stop: the lease may still be ours, and
    publishing checks it.
    """

    def __init__(self, registry: RegistryWriter, run: Run, lease: timedelta = LEASE) -> None:
        self._registry = registry
        self._run = run
        self._lease = lease
        self._stop = threading.Event()
        self._lost: RegistryError | None = None
        self._thread = threading.Thread(target=self._extend, name=f"lease-{run.view}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def check(self) -> None:
        """Raise if the lease was lost.

        Raises:
            LeaseHeldError: if another run has taken the lease.
        """
        if self._lost is not None:
            raise self._lost

    def _extend(self) -> None:
        while not self._stop.wait(self._lease.total_seconds() / 3):
            try:
                self._registry.extend_lease(run=self._run, lease=self._lease)
            except RegistryUnavailableError as error:
                _log.warning("the lease on %s could not be extended, trying again: %s", self._run.view, error)
            except RegistryError as error:
                self._lost = error
                return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
