"""Writing SQL: names and texts quoted, statements laid out to be read."""

from __future__ import annotations

import re
from collections.abc import Iterable

SOURCE = "__fs_source"
_QUOTED_OR_NEWLINE = re.compile(r"""\"(?:[^"]|"")*\"|'(?:[^']|'')*'|\n""")


def name(text: str) -> str:
    """A column or table name, whatever characters it has."""
    return '"' + text.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text literal."""
    return "'" + value.replace("'", "''") + "'"


def select(columns: Iterable[str], *clauses: str) -> str:
    """A SELECT statement with one column per line; empty clauses are left out."""
    return "\n".join(["SELECT " + ",\n       ".join(columns), *(c for c in clauses if c)])


def where(*conditions: str | None) -> str:
    """A WHERE clause of all conditions that are there, or nothing."""
    given = [c for c in conditions if c]
    return "WHERE " + "\n  AND ".join(given) if given else ""


def nested(query: str, alias: str) -> str:
    """A query to select from."""
    # A name or a text may hold line breaks of its own.
    indented = _QUOTED_OR_NEWLINE.sub(lambda found: "\n  " if found[0] == "\n" else found[0], query)
    return f"(\n  {indented}\n) {alias}"


def create(table: str, query: str, *, view: bool = False) -> str:
    """A table (or a view) with the rows of a query."""
    return f"CREATE {'VIEW' if view else 'TABLE'} {table} AS\n{query}"


def aliased(expressions: Iterable[str], prefix: str) -> list[str]:
    """The expressions under numbered names: ``k0``, ``k1`` and so on."""
    return [f"{expression} AS {prefix}{i}" for i, expression in enumerate(expressions)]


def numbered(prefix: str, count: int) -> list[str]:
    """``k0``, ``k1``, … up to `count` of them."""
    return [f"{prefix}{i}" for i in range(count)]


def equal(left: str, right: str, columns: Iterable[str]) -> str:
    """The condition that two tables agree in some columns."""
    return " AND ".join(f"{left}.{column} = {right}.{column}" for column in columns)
