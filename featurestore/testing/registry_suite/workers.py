"""What other processes do in the suite: functions that a process of its own is started with."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

from featurestore.definitions.entity import Entity
from featurestore.definitions.types import String
from featurestore.errors import LeaseHeldError
from featurestore.protocols.registry import Registry
from featurestore.testing.registry_suite.base import begin, change, commit_until_done

OpenRegistry = Callable[[], Registry]


def apply_one(open_registry: OpenRegistry, start: Barrier, name: str) -> None:
    """Open the registry when all others do, and commit an entity."""
    new = change(Entity(name, join_keys={"k": String}))
    start.wait()
    registry = open_registry()
    commit_until_done(registry, new)
    registry.close()


def begin_one(open_registry: OpenRegistry, start: Barrier, answer: Connection) -> None:
    """Begin a run when all others do; answer its number, or 0 if it was refused."""
    registry = open_registry()
    start.wait()
    try:
        number = begin(registry).number
    except LeaseHeldError:
        number = 0
    answer.send(number)
    # A process that has ended would be found out, and its lease be taken.
    start.wait()
    registry.close()


def begin_and_hang(open_registry: OpenRegistry, answer: Connection) -> None:
    """Begin a run, answer its number, and never end it."""
    answer.send(begin(open_registry()).number)
    time.sleep(3600)
