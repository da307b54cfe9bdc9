"""Statuses of what was looked up."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What became of one feature of one entity."""

    PRESENT = "PRESENT"
    NULL = "NULL"
    EXPIRED = "EXPIRED"
    NOT_FOUND = "NOT_FOUND"

    @classmethod
    def of(cls, found: bool, usable: bool, null: bool) -> Status:
        """The status of a feature whose row was found or not, may be used or has expired, and of its value."""
        if not found:
            return cls.NOT_FOUND
        if not usable:
            return cls.EXPIRED
        return cls.NULL if null else cls.PRESENT
