"""The driver's errors as the library's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import redis.exceptions as driver

from featurestore.errors import OnlineStoreError, OnlineStoreUnavailableError

_REFUSALS = (driver.AuthenticationError, driver.AuthorizationError, driver.NoPermissionError)
_NOT_FOR_NOW = (
    driver.BusyLoadingError,
    driver.ClusterDownError,
    driver.MasterDownError,
    driver.ReadOnlyError,
    driver.TryAgainError,
)
_AWAY = (driver.ConnectionError, driver.TimeoutError)
_ALL_IN_USE = "No connection available."  # of the driver's pools; an error without a class of its own
_AGAIN = "The same call may be made again; nothing that it wrote is lost or wrong."


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """Translate what is raised inside; `where` is the server without its password.

    Raises:
        OnlineStoreUnavailableError: if the server cannot be reached or cannot answer for now.
        OnlineStoreError: if it refuses.
    """
    try:
        yield
    except _REFUSALS as error:
        raise OnlineStoreError(
            f"The online store {where} refuses access: {_message(error)}",
            hint="Check user and password of its URL, and the user's permissions.",
        ) from error
    except driver.OutOfMemoryError as error:
        raise OnlineStoreUnavailableError(
            f"The online store {where} has no memory left for more rows: {_message(error)}",
            hint=f"Give it more (maxmemory). {_AGAIN}",
        ) from error
    except _NOT_FOR_NOW as error:
        raise OnlineStoreUnavailableError(
            f"The online store {where} cannot do this for now: {_message(error)}", hint=_AGAIN
        ) from error
    except _AWAY as error:
        if str(error) == _ALL_IN_USE:
            raise OnlineStoreUnavailableError(
                f"All connections of this process to the online store {where} are in use; none became free in time.",
                hint="Ask for less at once, or add max_connections=… (of one process, default 32) to its URL, or "
                "timeout=… (seconds to wait for one, default 5).",
            ) from error
        raise OnlineStoreUnavailableError(
            f"The online store {where} cannot be reached or went away: {_message(error)}", hint=_AGAIN
        ) from error
    except driver.RedisError as error:
        raise OnlineStoreError(f"The online store {where} answered: {_message(error)}") from error


def _message(error: driver.RedisError) -> str:
    # The server repeats the arguments of a command that it does not know, rows among them.
    return str(error).partition(", with args")[0] or type(error).__name__
