"""The statements of the embedded online store, with the rule of who may replace whom.

Times are milliseconds since the epoch, NULL: never. Blobs compare by their bytes, which is what the header is
made for: bytes 6 to 13 (counted from 1) are the event, 6 to 21 event and created, 22 to 25 the run;
the first is at least 128 if the row was pushed.
"""

from __future__ import annotations

from typing import Final

USER_VERSION: Final = 2
_IS_PUSHED: Final = "substr(row, 1, 1) >= x'80'"
_PUSHED_ROWS: Final = f"CREATE INDEX pushed_rows ON rows (space, key) WHERE {_IS_PUSHED}"
_THIS_VERSION: Final = f"PRAGMA user_version = {USER_VERSION}"
SCHEMA: Final = (
    "CREATE TABLE spaces (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, expires_at INTEGER)",
    """CREATE TABLE rows (
        space INTEGER NOT NULL, key BLOB NOT NULL, row BLOB NOT NULL, expires_at INTEGER, PRIMARY KEY (space, key)
    ) WITHOUT ROWID""",
    "CREATE INDEX expiring_rows ON rows (expires_at) WHERE expires_at IS NOT NULL",
    _PUSHED_ROWS,
    _THIS_VERSION,
)
# Of a file of version 1; its rows are of a format that is not read any more, until the views are materialized anew.
UPGRADE: Final = ("DROP INDEX pushed_rows", _PUSHED_ROWS, _THIS_VERSION)

ADD_SPACE: Final = "INSERT INTO spaces (name) VALUES (?) ON CONFLICT DO NOTHING"
SPACE_ID: Final = "SELECT id FROM spaces WHERE name = ?"
RETIRE: Final = "UPDATE spaces SET expires_at = ? WHERE name = ?"
READABLE_SPACE: Final = "SELECT id FROM spaces WHERE name = ? AND (expires_at IS NULL OR expires_at > ?)"
READ: Final = "SELECT row FROM rows WHERE space = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)"
_READ_ONE: Final = (
    "(SELECT rows.row FROM spaces JOIN rows ON rows.space = spaces.id WHERE spaces.name = ? AND rows.key = ?"
    " AND (spaces.expires_at IS NULL OR spaces.expires_at > ?1) AND (rows.expires_at IS NULL OR rows.expires_at > ?1))"
)
DELETE: Final = "DELETE FROM rows WHERE space = (SELECT id FROM spaces WHERE name = ?) AND key = ?"

_STORED_IS_PUSHED: Final = _IS_PUSHED.replace("row", "rows.row")

# ?1 key, ?2 row, ?3 space, ?4 expires_at, ?5 now, ?6 run, ?7 end
_INSERT: Final = (
    "INSERT INTO rows (space, key, row, expires_at) VALUES (?3, ?1, ?2, ?4)"  # noqa: S608 (constants)
    " ON CONFLICT (space, key) DO UPDATE SET row = excluded.row, expires_at = excluded.expires_at"
    f" WHERE rows.expires_at <= ?5 OR CASE WHEN {_STORED_IS_PUSHED}"
)
_SEEN_BY_RUN: Final = "substr(rows.row, 6, 8) <= ?7 AND substr(rows.row, 22, 4) < ?6"
WRITE_MATERIALIZED: Final = (
    f"{_INSERT} THEN substr(rows.row, 6, 8) <= substr(excluded.row, 6, 8) OR ({_SEEN_BY_RUN})"
    " ELSE substr(rows.row, 22, 4) <= ?6 END"
)
WRITE_PUSHED: Final = (
    f"{_INSERT} THEN (substr(excluded.row, 6, 16), excluded.row) > (substr(rows.row, 6, 16), rows.row)"
    " ELSE substr(excluded.row, 6, 8) > substr(rows.row, 6, 8) END"
)
# The source has nothing for the entity; ?2 and ?4 are not used.
DELETE_REPLACED: Final = (
    "DELETE FROM rows WHERE space = ?3 AND key = ?1 AND (rows.expires_at <= ?5 OR"  # noqa: S608 (constants)
    f" CASE WHEN {_STORED_IS_PUSHED} THEN {_SEEN_BY_RUN} ELSE substr(rows.row, 22, 4) <= ?6 END)"
)

# ?1 now, ?2 at most so many
RECLAIM: Final = (
    """DELETE FROM rows WHERE (space, key) IN
        (SELECT space, key FROM rows WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)""",
    """DELETE FROM rows WHERE (space, key) IN (
        SELECT rows.space, rows.key FROM spaces CROSS JOIN rows ON rows.space = spaces.id
        WHERE spaces.expires_at <= ?1 LIMIT ?2
    )""",
    "DELETE FROM spaces WHERE expires_at <= ?1 AND ?2 AND NOT EXISTS (SELECT 1 FROM rows WHERE space = spaces.id)",
)

PUSHED_KEYS: Final = (
    "SELECT key FROM rows INDEXED BY pushed_rows WHERE space ="  # noqa: S608 (constants)
    " (SELECT id FROM spaces WHERE name = ?)"
    f" AND {_IS_PUSHED} AND key >= ? ORDER BY key LIMIT ?"
)


def read_together(count: int) -> str:
    """A statement for a few rows, a column each; ?1 is now, then come the space and the key of each."""
    return "SELECT " + ", ".join(
        _READ_ONE.replace("= ? AND rows.key = ?", f"= ?{2 * i + 2} AND rows.key = ?{2 * i + 3}")
        for i in range(count)
    )
