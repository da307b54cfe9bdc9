"""Names of tables: as definitions write them, and what to say when there is none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from featurestore.errors import SourceError

_PART = re.compile(r'"(?:[^"]|"")+"|[^".]+')
_SHOWN = 20


def name_parts(table: str) -> list[str]:
    """The parts of a table's name: database or schema, if given, and the table."""
    return [part[1:-1].replace('""', '"') if part.startswith('"') else part for part in _PART.findall(table)]


def quoted(name: str) -> str:
    """A name as standard SQL."""
    return '"' + name.replace('"', '""') + '"'


def no_table(source: str, table: str, there: Sequence[str]) -> SourceError:
    """What to raise where a table is not among those that are there."""
    near = difflib.get_close_matches(table, there, n=3, cutoff=0.6)
    shown = ", ".join(there[:_SHOWN]) + (", …" if len(there) > _SHOWN else "")
    return SourceError(
        f"Source {source!r}: there is no table {table!r}; there are: {shown or 'none'}.",
        hint=f"Did you mean {' or '.join(map(repr, near))}?"
        if near
        else "Write the schema too: schema.table.",
    )


def no_column(source: str, column: str, there: Sequence[str]) -> SourceError:
    """What to raise where a column is gone since the columns were looked at."""
    return SourceError(
        f"Source {source!r} has no column {column!r}; it has: {', '.join(there)}.",
        hint="Somebody may have changed the table in between: make the request again.",
    )


def two_columns(source: str, names: Sequence[str]) -> SourceError | None:
    """What to raise where two columns share a name."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is None:
        return None
    return SourceError(
        f"Source {source!r}: its query has two columns called {twice!r}.",
        hint="Name the columns one by one, with AS.",
    )
