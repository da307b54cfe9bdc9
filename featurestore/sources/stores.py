"""Object stores by the scheme of a path: who opens them, and what their answers mean.

Credentials, region and endpoint come from where each vendor's own tools take them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

import pyarrow.fs


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A kind of object store.

    Attributes:
        make: makes a file system, whose paths begin with the bucket.
        version: the entries of a file's metadata that tell one content from another.
        denied: what answers say if the credentials are not enough.
        passing: what they say if the same may succeed later.
        where: what to check if it cannot be reached.
        who: what to check if it refuses.
    """

    make: Callable[[], Any]
    version: tuple[str, ...]
    denied: tuple[str, ...]
    passing: tuple[str, ...]
    where: str
    who: str

    def opened(self) -> Any:
        """Its file system, whose connections are used again as long as the environment is the same."""
        settings = ((name, value) for name, value in os.environ.items() if name.startswith(_VARIABLES))
        return _opened(self.make, os.getpid(), tuple(sorted(settings)))


# By their beginnings: what the vendors' libraries look at.
_VARIABLES = ("AWS_", "AZURE_", "CLOUDSDK_", "GOOGLE_", "HOME", "STORAGE_EMULATOR_HOST")


@lru_cache(maxsize=16)
def _opened(make: Callable[[], Any], _process: int, _settings: tuple[tuple[str, str], ...]) -> Any:
    return make()


def _s3() -> Any:
    environment = os.environ
    return pyarrow.fs.S3FileSystem(
        endpoint_override=environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL"),
        region=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
        connect_timeout=10,
        request_timeout=60,
    )


def _google() -> Any:
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    if not emulator:
        return pyarrow.fs.GcsFileSystem(retry_time_limit=_RETRY)
    scheme, _, host = emulator.rpartition("://")
    return pyarrow.fs.GcsFileSystem(
        anonymous=True, scheme=scheme or "http", endpoint_override=host, retry_time_limit=_RETRY
    )


def _azure() -> Any:
    environment = os.environ
    # A whole address with its scheme, of a store that is not Microsoft's own.
    scheme, _, authority = environment.get("AZURE_STORAGE_ENDPOINT", "").rpartition("://")
    names = ("blob_storage_authority", "dfs_storage_authority") if authority else ()
    schemes = ("blob_storage_scheme", "dfs_storage_scheme") if authority else ()
    # Arrow appends it to addresses as it is; Azure's own tools write it without the question mark.
    token = environment.get("AZURE_STORAGE_SAS_TOKEN")
    return pyarrow.fs.AzureFileSystem(
        account_name=environment.get("AZURE_STORAGE_ACCOUNT", ""),
        account_key=environment.get("AZURE_STORAGE_KEY"),
        sas_token=token and f"?{token.removeprefix('?')}",
        **dict.fromkeys(names, authority),
        **dict.fromkeys(schemes, scheme or "https"),
    )


_RETRY = timedelta(seconds=30)
_SIGNATURE = re.compile(r"(\bsig=)[^&'\s]+")
STORES = {
    "s3://": ObjectStore(
        _s3,
        ("ETag",),
        ("ACCESS_DENIED", "INVALID_ACCESS_KEY", "SIGNATURE_DOES_NOT_MATCH", "INVALID_CLIENT_TOKEN", "HTTP status 403"),
        ("NETWORK_CONNECTION", "SLOW_DOWN", "SERVICE_UNAVAILABLE", "REQUEST_TIMEOUT", "INTERNAL_FAILURE", "THROTTLING"),
        "AWS_ENDPOINT_URL and AWS_REGION",
        "AWS_ACCESS_KEY_ID, AWS_PROFILE, the role",
    ),
    "gs://": ObjectStore(
        _google,
        ("generation", "etag"),
        ("PERMISSION_DENIED", "UNAUTHENTICATED"),
        ("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL"),
        "the network",
        "GOOGLE_APPLICATION_CREDENTIALS, gcloud auth application-default login, the service account",
    ),
    "az://": ObjectStore(
        _azure,
        ("ETag",),
        ("AuthenticationFailed", "AuthorizationFailure", "AuthorizationPermission", "NoAuthenticationInformation"),
        ("ServerBusy", "OperationTimedOut", "Fail to get a new connection", "Could not connect", "InternalError"),
        "AZURE_STORAGE_ACCOUNT and the network",
        "AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, az login, the managed identity",
    ),
}  # fmt: skip
PREFIXES = tuple(STORES)


def first_line(error: Exception) -> str:
    """What a store answered, in short; addresses that are signed lose their signature."""
    return _SIGNATURE.sub(r"\1…", str(error).partition("\n")[0])


def split(path: str) -> tuple[ObjectStore, str]:
    """The store of a path, and the path within it."""
    scheme, separator, rest = path.partition("://")
    return STORES[scheme + separator], rest
