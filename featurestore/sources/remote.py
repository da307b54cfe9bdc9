"""Files in S3-compatible storage: listed, opened, and known by size and etag.

Credentials, region and endpoint come from where AWS's own tools take them: ``AWS_ACCESS_KEY_ID`` and its like,
``AWS_PROFILE``, the machine's role, ``AWS_REGION``, ``AWS_ENDPOINT_URL``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.fs

from featurestore.errors import SourceError, SourceUnavailableError

PREFIX = "s3://"
_WILD = re.compile(r"[*?\[]")
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[[^]]+\]|.", re.DOTALL)
_DENIED = (
    "ACCESS_DENIED",
    "INVALID_ACCESS_KEY",
    "SIGNATURE_DOES_NOT_MATCH",
    "INVALID_CLIENT_TOKEN",
    "HTTP status 403",
)
_PASSING = (
    "NETWORK_CONNECTION",
    "SLOW_DOWN",
    "SERVICE_UNAVAILABLE",
    "REQUEST_TIMEOUT",
    "INTERNAL_FAILURE",
    "THROTTLING",
)


def is_remote(path: str) -> bool:
    """Whether a path names files in object storage."""
    return path.startswith(PREFIX)


@dataclass(frozen=True, slots=True)
class Version:
    """Which content a file has: another one has another etag."""

    size: int
    etag: str


def list_remote(source: str, path: str, kind: str) -> list[str]:
    """All files that a path means: one, those of a pattern, or those of a kind below a folder; sorted.

    Raises:
        SourceError: if there is none, or the store refuses.
        SourceUnavailableError: if it cannot be reached.
    """
    store, pattern = object_store(), path.removeprefix(PREFIX).rstrip("/")
    with reported(source, path):
        if not _WILD.search(pattern):
            if store.get_file_info(pattern).type != pa.fs.FileType.Directory:
                store.open_input_file(pattern).close()
                return [path]
            pattern = f"{pattern}/**/*.{kind}"
        folder = pattern[: _WILD.search(pattern).start()].rpartition("/")[0]  # type: ignore[union-attr]
        found = store.get_file_info(pa.fs.FileSelector(folder, recursive=True))
    fits = re.compile(_expression(pattern))
    files = [PREFIX + info.path for info in found if info.is_file and fits.fullmatch(info.path)]
    if not files:
        raise SourceError(f"Source {source!r}: no file at {path}.", hint="Check bucket and pattern.")
    return sorted(files)


def _expression(pattern: str) -> str:
    """A pattern as a regular expression: ``*`` within a folder, ``**`` over folders, no hidden files."""
    parts = []
    for token in _TOKEN.findall(pattern):
        if token in ("**/", "**"):
            parts.append(r"(?:(?!\.)[^/]+/)*" if token == "**/" else r"(?:(?!\.)[^/]+/?)*")  # noqa: S105
        elif token == "*":  # noqa: S105
            parts.append(r"(?!\.)[^/]*" if not parts or parts[-1].endswith(("/", ")*")) else "[^/]*")
        else:
            parts.append("[^/]" if token == "?" else token if len(token) > 1 else re.escape(token))  # noqa: S105
    return "".join(parts)


def open_file(path: str) -> Any:
    """A file, to be read at any place."""
    return object_store().open_input_file(path.removeprefix(PREFIX))


def open_stream(path: str) -> Any:
    """A file, to be read from its beginning, decompressed if its name says so."""
    return object_store().open_input_stream(path.removeprefix(PREFIX))


def version_of(file: Any) -> Version:
    """Which content an open file had when it was opened."""
    return Version(file.size(), file.metadata().get("ETag", b"").decode())


def versions(source: str, files: list[str]) -> dict[str, Version]:
    """Which content each file has now."""
    found = {}
    for path in files:
        with reported(source, path), open_file(path) as file:
            found[path] = version_of(file)
    return found


@contextmanager
def unchanged(source: str, path: str, expected: Version) -> Iterator[None]:
    """Read one content of a file, or fail.

    Raises:
        SourceUnavailableError: if the file is another one before or after it is read.
        SourceError: if it cannot be read.
    """
    _check_version(source, path, expected)
    try:
        with reported(source, path):
            yield
    except SourceError:
        # What was read may be part of two contents: that is why it did not fit.
        _check_version(source, path, expected)
        raise
    _check_version(source, path, expected)


def _check_version(source: str, path: str, expected: Version) -> None:
    with reported(source, path), open_file(path) as file:
        found = version_of(file)
    if found != expected:
        raise SourceUnavailableError(
            f"Source {source!r}: {path} was rewritten while the source was read: it had {expected.size} bytes and "
            f"etag {expected.etag}, and has {found.size} and {found.etag}.",
            hint="The same request may be made again: nothing was taken from two versions of a file.",
        )


@contextmanager
def reported(source: str, path: str) -> Iterator[None]:
    """Translate what the store answers.

    Raises:
        SourceUnavailableError: if it cannot be reached or cannot answer for now.
        SourceError: if it refuses, or the file is not there or not whole.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise SourceError(
            f"Source {source!r}: there is no {path}.", hint="Check bucket and path; it may have been deleted."
        ) from error
    except (OSError, pa.ArrowException) as error:
        message = str(error).partition("\n")[0]
        if any(state in message for state in _PASSING):
            raise SourceUnavailableError(
                f"Source {source!r}: the store of {path} cannot be reached or cannot answer: {message}",
                hint="Check AWS_ENDPOINT_URL and AWS_REGION. The same request may be made again.",
            ) from error
        hint = "Check that the file is whole and of the kind that the source declares."
        if any(state in message for state in _DENIED):
            hint = "Check the credentials (AWS_ACCESS_KEY_ID, AWS_PROFILE, the role) and what they may read."
        raise SourceError(f"Source {source!r}: {path} cannot be read: {message}", hint=hint) from error


def object_store() -> Any:
    """The storage that the environment names."""
    environment = os.environ
    return pa.fs.S3FileSystem(
        endpoint_override=environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL"),
        region=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
        connect_timeout=10,
        request_timeout=60,
    )
