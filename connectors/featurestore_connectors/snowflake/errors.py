"""The driver's errors as the library's: what happened, without the query's text and without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from snowflake.connector import errors as driver

from featurestore.definitions.connection import Connection
from featurestore.errors import SourceError, SourceUnavailableError

_AGAIN = "The same request may be made again: nothing has been written."
_LOGIN = (
    "Check user, account and password (or key) of the URL, and the variables of the environment it names."
)
_WAREHOUSE = (
    "Name a warehouse that this role may use, ?warehouse=…; one that does not resume by itself: "
    "ALTER WAREHOUSE … RESUME."
)
_HINTS = {
    3001: "Let an owner GRANT USAGE on database and schema and SELECT on the table to this role.",
    3540: _WAREHOUSE,
    1003: "Write one SELECT statement in Snowflake's dialect.",
}
_REFUSED_LOGIN = (
    "Incorrect username or password",
    "JWT token is invalid",
    "is not allowed",
    "authentication failed",
)
# 57014: cancelled, or out of time. 57P03: no warehouse that runs. 390…: the session has ended.
_CANCELLED = {604, 625, 630}
_NO_WAREHOUSE = {606, 90064, 90073}
_ENDED = {390110, 390111, 390112, 390114, 390195}
_PREFIX = re.compile(r"^(\d{6} \([0-9A-Z]*\): *)+(None: *)?")
_REQUEST = re.compile(r" *\(request_id=[0-9a-f-]+\)$")


@contextmanager
def translated(source: str, connection: Connection) -> Iterator[None]:
    """Translate what the driver, or Arrow's reading of its results, raises inside.

    Raises:
        SourceUnavailableError: if the server went away, cancelled the query, or has no warehouse that runs.
        SourceError: if it refuses.
    """
    try:
        yield
    except driver.Error as error:
        raise _translated(source, connection, error) from error
    except (OSError, pa.ArrowException) as error:
        raise _unavailable(source, _cleaned(error, connection)) from error


def refused_connection(source: str, connection: Connection, error: Exception) -> SourceError:
    """What to raise where no connection could be made."""
    message = _cleaned(error, connection)
    what = f"Source {source!r}: no connection to {connection.shown}: {message}."
    if any(text in message for text in _REFUSED_LOGIN) or getattr(error, "errno", None) == 390100:
        return SourceError(what, hint=_LOGIN)
    if isinstance(error, driver.OperationalError | OSError):
        return SourceUnavailableError(what, hint="Check account and host of the URL, and the network.")
    return SourceError(what, hint=_LOGIN)


def _translated(source: str, connection: Connection, error: driver.Error) -> SourceError:
    message, number = _cleaned(error, connection), error.errno
    if number in _NO_WAREHOUSE:
        return SourceUnavailableError(
            f"Source {source!r}: Snowflake has no warehouse to run this in: {message}.", hint=_WAREHOUSE
        )
    state = getattr(error, "sqlstate", None) or ""
    refused = isinstance(error, driver.ProgrammingError) and number not in _CANCELLED | _ENDED
    if refused and not state.startswith(("08", "57")):
        return SourceError(f"Source {source!r}: Snowflake answered: {message}.", hint=_HINTS.get(number or 0))
    return _unavailable(source, message)


def _unavailable(source: str, message: str) -> SourceUnavailableError:
    return SourceUnavailableError(
        f"Source {source!r}: the server went away or cancelled the query: {message}.", hint=_AGAIN
    )


def _cleaned(error: Exception, connection: Connection) -> str:
    """The message on one line; the error keeps no secret either."""
    text = connection.without_secrets(str(getattr(error, "msg", None) or error))
    error.args = (text, *error.args[1:])
    if isinstance(error, driver.Error):
        error.msg = text
    first = _REQUEST.sub("", " ".join(_PREFIX.sub("", text).split()))
    return first.removesuffix(".")
