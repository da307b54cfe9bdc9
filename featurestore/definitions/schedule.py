"""Schedules: the grid of instants at which serving values are refreshed."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Self

from pydantic import model_validator

from featurestore.definitions.base import Definition, Duration
from featurestore.definitions.instants import duration_to_microseconds


class Schedule(Definition):
    """Values change only at grid points, so that training sees exactly the staleness that serving has.

    The effective time of an instant t is the last grid point g with ``g + lag <= t``; the grid runs from
    1970-01-01T00:00Z plus `offset` in both directions.

    Args:
        every: distance of the grid points, longer than zero.
        offset: shift of the grid.
        lag: how long after a grid point its values are there to be served, not negative.

    Raises:
        DefinitionError: if `every` is not positive or `lag` is negative.
    """

    kind: ClassVar[str] = "schedule"

    every: Duration
    offset: Duration = timedelta(0)
    lag: Duration = timedelta(0)

    def __init__(
        self, every: timedelta, *, offset: timedelta = timedelta(0), lag: timedelta = timedelta(0)
    ) -> None:
        super().__init__(every=every, offset=offset, lag=lag)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.every <= timedelta(0):
            raise ValueError("every must be longer than zero")
        if self.lag < timedelta(0):
            raise ValueError("lag must not be negative, or values would come from the future")
        return self

    def effective(self, instant: int) -> int:
        """The effective time of an instant, both in microseconds."""
        every, offset, lag = map(duration_to_microseconds, (self.every, self.offset, self.lag))
        return (instant - lag - offset) // every * every + offset
