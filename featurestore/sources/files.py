"""The files behind a file source."""

from __future__ import annotations

import glob
from pathlib import Path

from featurestore.definitions.database import DatabaseSource
from featurestore.definitions.source import FileSource, Source
from featurestore.errors import SourceError

_WILDCARDS = ("*", "?", "[")


def locate_source(source: Source, root: Path) -> Source:
    """The source with absolute paths, if it is made of files."""
    if isinstance(source, DatabaseSource):
        return source.located(root)
    return resolve_paths(source, root) if isinstance(source, FileSource) else source


def resolve_paths(source: FileSource, root: Path) -> FileSource:
    """The source with absolute paths; relative ones start at `root`."""
    return source.model_copy(update={"path": tuple(str(root / path) for path in source.path)})


def list_files(source: FileSource) -> list[str]:
    """All files of the source in a fixed order.

    Raises:
        SourceError: if a path matches nothing.
    """
    files: list[str] = []
    for given in source.path:
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
