"""The driver's errors as the library's: what happened, without the query's text and without secrets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import adbc_driver_manager as driver
import pyarrow as pa

from featurestore.definitions.connection import Connection
from featurestore.errors import SourceError, SourceUnavailableError

_AGAIN = "The same request may be made again: nothing has been written."
# The state's class, or the whole state: what is to be done about it.
_HINTS = {
    "28": "Check the user of the URL and the password in the environment (PGPASSWORD, ~/.pgpass).",
    "42501": "Let an owner GRANT SELECT on the table to this user (engine 'postgres': TEMPORARY on the database too).",
    "42601": "Write one SELECT statement in PostgreSQL's dialect.",
    "25006": "A query= may read only: write one SELECT statement without side effects.",
}
_REFUSED_LOGIN = ("authentication failed", "no password supplied", "role ", "pg_hba.conf", "does not exist")
# 08: connection; 53: resources; 57: operator intervention (shutdown, cancelled, timeout); 40: conflict with recovery.
_PASSING = ("08", "53", "57", "40")
_GONE = (
    "terminating connection", "server closed the connection", "no connection to the server", "timeout expired",
    "canceling statement", "could not receive data", "could not send data", "SSL connection has been closed",
    "SSL SYSCALL", "shutting down", "starting up", "conflict with recovery",
)  # fmt: skip


@contextmanager
def translated(source: str, connection: Connection) -> Iterator[None]:
    """Translate what the driver, or Arrow's reading of its stream, raises inside.

    Raises:
        SourceUnavailableError: if the server went away, or cancelled the query.
        SourceError: if it refuses.
    """
    try:
        yield
    except driver.Error as error:
        raise _translated(source, connection, error, error.sqlstate or "") from error
    except (OSError, pa.ArrowException) as error:
        raise _translated(source, connection, error, "") from error


def refused_connection(source: str, connection: Connection, error: driver.Error) -> SourceError:
    """What to raise where no connection could be made."""
    message = _first_line(_cleaned(error, connection).partition("failed: ")[2] or str(error))
    what = f"Source {source!r}: no connection to {connection.shown}: {message}."
    if any(text in message for text in _REFUSED_LOGIN):
        return SourceError(what, hint=_HINTS["28"])
    return SourceUnavailableError(what, hint="Check host and port of the URL, and that the server is up.")


def _translated(source: str, connection: Connection, error: Exception, state: str) -> SourceError:
    message = _cleaned(error, connection)
    what = f"Source {source!r}: PostgreSQL answered: {_first_line(message)}."
    if state.startswith(_PASSING) or (not state and any(text in message for text in _GONE)):
        return SourceUnavailableError(
            f"Source {source!r}: the server went away or cancelled the query: {_first_line(message)}.",
            hint=_AGAIN,
        )
    if "permission denied" in message:
        state = "42501"  # which the driver does not always say
    return SourceError(what, hint=_HINTS.get(state) or _HINTS.get(state[:2]))


def _cleaned(error: Exception, connection: Connection) -> str:
    """The message, which the error keeps too: the query may hold a hundred thousand keys, and secrets leak."""
    text = connection.without_secrets(str(error)).partition("\n\nQuery was:")[0]
    error.args = (text, *error.args[1:])
    return text


def _first_line(message: str) -> str:
    # What the server says stands last, after a query of many lines.
    for mark in ("ERROR:", "FATAL:"):
        message = message.rpartition(mark)[2]
    return message.strip().partition("\n")[0].removeprefix("IO: ").strip().removesuffix(".")
