"""Rows in a SQLite file and one query for them: what an embedded online read cannot do without.

The *lawful* query sees one state of the file however many rows it fetches, and none that has expired or belongs
to a generation that was replaced; the *bare* one looks its keys up.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
HEADER = 25

_SCHEMA = """
CREATE TABLE spaces (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, expires_at INTEGER);
CREATE TABLE rows (space INTEGER, key BLOB, row BLOB, expires_at INTEGER, PRIMARY KEY (space, key)) WITHOUT ROWID;
"""
_BARE = "SELECT row FROM rows WHERE space = ? AND key = ?"
_LAWFUL = (
    "SELECT rows.row FROM spaces JOIN rows ON rows.space = spaces.id WHERE spaces.name = ?1 AND rows.key = ?2"
    " AND (spaces.expires_at IS NULL OR spaces.expires_at > ?3) AND (rows.expires_at IS NULL OR rows.expires_at > ?3)"
)


class BareFile:
    """A file with the rows of some views.

    Args:
        file: made anew.
        names: the features, in the order of the views.
        width: how many features a row has.
        lawful: which query.
    """

    def __init__(self, file: Path, *, names: Sequence[str], width: int, lawful: bool) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.executescript(_SCHEMA)
        nulls = (width + 7) // 8
        self._skipped = HEADER + nulls
        self._row = Struct(f"<{self._skipped}x{width}d")
        self._names = ("entity_id", *names)
        self._views = len(names) // width
        self._lawful = lawful

    def load(self, features: Matrix) -> None:
        """Write the rows of each entity, numbered from 0."""
        width = features.shape[1] // self._views
        execute = self._connection.execute
        execute("BEGIN")
        for view in range(self._views):
            execute("INSERT INTO spaces (id, name) VALUES (?, ?)", (view, b"space %d" % view))
            part = features[:, view * width : (view + 1) * width]
            rows = (
                (view, self.key(entity), bytes(self._skipped) + row.tobytes())
                for entity, row in enumerate(part)
            )  # fmt: skip
            self._connection.executemany("INSERT INTO rows (space, key, row) VALUES (?, ?, ?)", rows)
        execute("COMMIT")

    def key(self, entity: int) -> bytes:
        """The key of an entity."""
        return entity.to_bytes(8, "big")

    def to_dicts(self, entities: Sequence[int]) -> list[dict[str, Any]]:
        """One dict for each entity, with its key and its features."""
        rows = self._read_lawfully(entities) if self._lawful else self._read(entities)
        return [dict(zip(self._names, (entity, *row))) for entity, row in zip(entities, rows)]  # noqa: B905

    def _read(self, entities: Sequence[int]) -> list[list[float]]:
        execute, unpack = self._connection.execute, self._row.unpack
        found: list[list[float]] = []
        for entity in entities:
            values: list[float] = []
            for view in range(self._views):
                values += unpack(execute(_BARE, (view, self.key(entity))).fetchone()[0])
            found.append(values)
        return found

    def _read_lawfully(self, entities: Sequence[int]) -> list[list[float]]:
        execute, unpack = self._connection.execute, self._row.unpack
        now = time.time_ns() // 1_000_000
        execute("BEGIN")
        found: list[list[float]] = []
        for entity in entities:
            values: list[float] = []
            for view in range(self._views):
                values += unpack(execute(_LAWFUL, (b"space %d" % view, self.key(entity), now)).fetchone()[0])
            found.append(values)
        execute("COMMIT")
        return found
