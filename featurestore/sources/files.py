"""The files behind a file source."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TypeGuard

from featurestore.definitions.database import DatabaseSource
from featurestore.definitions.source import FileSource, ParquetSource, Source
from featurestore.errors import SourceError
from featurestore.sources.remote import is_remote, list_remote

_WILDCARDS = ("*", "?", "[")


def locate_source(source: Source, root: Path) -> Source:
    """The source with absolute paths, if it is made of files."""
    if isinstance(source, DatabaseSource):
        return source.located(root)
    return resolve_paths(source, root) if isinstance(source, FileSource) else source


def resolve_paths(source: FileSource, root: Path) -> FileSource:
    """The source with absolute paths; relative ones start at `root`."""
    return source.model_copy(
        update={"path": tuple(path if is_remote(path) else str(root / path) for path in source.path)}
    )


def is_stored_remotely(source: FileSource) -> bool:
    """Whether some of its files are in object storage."""
    return any(map(is_remote, source.path))


def on_disk(source: Source) -> TypeGuard[ParquetSource]:
    """Whether the source is Parquet files that engines read themselves."""
    return isinstance(source, ParquetSource) and not is_stored_remotely(source)


def list_files(source: FileSource) -> list[str]:
    """All files of the source in a fixed order.

    Raises:
        SourceError: if a path matches nothing.
    """
    files: list[str] = []
    for given in source.path:
        if is_remote(given):
            files.extend(list_remote(source.name, given, source.kind))
            continue
        path = str(Path(given) / "**" / f"*.{source.kind}") if Path(given).is_dir() else given
        wild = any(mark in path for mark in _WILDCARDS) and not Path(path).exists()
        # glob, unlike Path.glob, leaves hidden files out: they may be unfinished ones.
        found = sorted(glob.glob(path, recursive=True)) if wild else [path]  # noqa: PTH207
        if not found or not all(Path(file).is_file() for file in found):
            raise SourceError(
                f"Source {source.name!r}: no file at {path}.",
                hint="Check the path; relative paths start at the folder of feature_store.toml, "
                "else at the working directory.",
            )
        files.extend(found)
    return files
