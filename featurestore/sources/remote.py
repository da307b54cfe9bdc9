"""Files in object storage: listed, opened, and known by size and etag."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.fs

from featurestore.errors import SourceError, SourceUnavailableError
from featurestore.sources.stores import PREFIXES, first_line, split

T = TypeVar("T")

_AT_ONCE = 16
_WILD = re.compile(r"[*?\[]")
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[[^]]+\]|.", re.DOTALL)


def is_remote(path: str) -> bool:
    """Whether a path names files in object storage."""
    return path.startswith(PREFIXES)


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
    kind_of_store, pattern = split(path.rstrip("/"))
    prefix = path[: path.index("://") + 3]
    store = kind_of_store.opened()
    with reported(source, path):
        if not _WILD.search(pattern):
            if store.get_file_info(pattern).type != pa.fs.FileType.Directory:
                store.open_input_file(pattern).close()
                return [path]
            pattern = f"{pattern}/**/*.{kind}"
        folder = pattern[: _WILD.search(pattern).start()].rpartition("/")[0]  # type: ignore[union-attr]
        try:
            found = store.get_file_info(pa.fs.FileSelector(folder, recursive=True))
        except OSError as error:
            # Some stores say so of a folder without files; a bucket that is not there is another matter.
            if "No such file or directory" not in str(error):
                raise
            found = []
    fits = re.compile(_expression(pattern))
    files = [prefix + info.path for info in found if info.is_file and fits.fullmatch(info.path)]
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
    store, inner = split(path)
    return store.opened().open_input_file(inner)


def open_stream(path: str) -> Any:
    """A file, to be read from its beginning, decompressed if its name says so."""
    store, inner = split(path)
    return store.opened().open_input_stream(inner)


def version_of(path: str, file: Any) -> Version:
    """Which content an open file had when it was opened."""
    metadata, names = file.metadata(), split(path)[0].version
    return Version(file.size(), "/".join(metadata.get(name, b"").decode() for name in names))


def versions(source: str, files: Sequence[str]) -> dict[str, Version]:
    """Which content each file has now."""
    return dict(zip(files, at_once(partial(_version, source), files), strict=True))


def at_once(ask: Callable[[str], T], files: Sequence[str]) -> list[T]:
    """What is found out of each file; several are asked for at once, as each answer takes its time."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="featurestore-files") as pool:
        return list(pool.map(ask, files))


def _version(source: str, path: str) -> Version:
    with reported(source, path), open_file(path) as file:
        return version_of(path, file)


@contextmanager
def unchanged(source: str, path: str, expected: Version | None = None) -> Iterator[Any]:
    """Read one content of an open file, or fail.

    Args:
        source: names the source in errors.
        path: of the file.
        expected: the content; by default the one that it has when it is opened.

    Raises:
        SourceUnavailableError: if the file is another one before or after it is read.
        SourceError: if it cannot be read.
    """
    with reported(source, path):
        file = open_file(path)
    with file:
        found = version_of(path, file)
        _check(source, path, expected or found, found)
        with still(source, path, found):
            yield file


@contextmanager
def still(source: str, path: str, version: Version) -> Iterator[None]:
    """Read a file that had a content when it was opened; see `unchanged`."""
    try:
        with reported(source, path):
            yield
    except SourceError:
        # What was read may be part of two contents: that is why it did not fit.
        _check(source, path, version, _version(source, path))
        raise
    _check(source, path, version, _version(source, path))


def _check(source: str, path: str, expected: Version, found: Version) -> None:
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
        message = first_line(error)
        store = split(path)[0]
        if any(state in message for state in store.passing):
            raise SourceUnavailableError(
                f"Source {source!r}: the store of {path} cannot be reached or cannot answer: {message}",
                hint=f"Check {store.where}. The same request may be made again.",
            ) from error
        hint = "Check that the file is whole and of the kind that the source declares."
        if any(state in message for state in store.denied):
            hint = f"Check the credentials ({store.who}) and what they may read."
        raise SourceError(f"Source {source!r}: {path} cannot be read: {message}", hint=hint) from error
