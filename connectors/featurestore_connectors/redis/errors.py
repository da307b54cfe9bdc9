"""The driver's errors as the library's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import redis.exceptions as driver

from featurestore.errors import OnlineStoreError, OnlineStoreUnavailableError

_REFUSALS = (driver.AuthenticationError, driver.AuthorizationError, driver.NoPermissionError)
_PASSING = (
    driver.ConnectionError,
    driver.TimeoutError,
    driver.ClusterDownError,
    driver.MasterDownError,
    driver.OutOfMemoryError,
    driver.ReadOnlyError,
    driver.TryAgainError,
)


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
    except _PASSING as error:
        raise OnlineStoreUnavailableError(
            f"The online store {where} cannot be reached or went away: {_message(error)}",
            hint="The same call may be made again; nothing that it wrote is lost or wrong.",
        ) from error
    except driver.RedisError as error:
        raise OnlineStoreError(f"The online store {where} answered: {_message(error)}") from error


def _message(error: driver.RedisError) -> str:
    # The server repeats the arguments of a command that it does not know, rows among them.
    return str(error).partition(", with args")[0] or type(error).__name__
