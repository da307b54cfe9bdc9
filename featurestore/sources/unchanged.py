"""Local files that must stay as they are while they are read: engines read them more than once for one answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from featurestore.definitions.source import FileSource, Source
from featurestore.errors import FeatureStoreError, SourceUnavailableError
from featurestore.sources.files import is_stored_remotely, list_files

_Stamps: TypeAlias = dict[tuple[str, str], tuple[int, int, int] | None]


@contextmanager
def unchanged(sources: Iterable[Source]) -> Iterator[None]:
    """Read sources; those in object storage look after themselves, file by file, and new files do no harm.

    Raises:
        SourceUnavailableError: at the end, if a local file was rewritten or is gone.
    """
    local = [each for each in sources if isinstance(each, FileSource) and not is_stored_remotely(each)]
    before = {(source.name, file): _stamp(file) for source in local for file in list_files(source)}
    try:
        yield
    except FeatureStoreError as error:
        # What was read may be part of two contents: that is why it did not fit.
        _check(before, error)
        raise
    _check(before, None)


def _check(before: _Stamps, cause: FeatureStoreError | None) -> None:
    for (source, file), stamp in before.items():
        if _stamp(file) != stamp:
            raise SourceUnavailableError(
                f"Source {source!r}: {file} was rewritten or removed while the source was read.",
                hint="Make the same request again. New files beside the old ones can be written at any time.",
            ) from cause


def _stamp(file: str) -> tuple[int, int, int] | None:
    try:
        found = Path(file).stat()
    except OSError:
        return None  # gone, or gone again: whoever reads it says why
    return found.st_size, found.st_mtime_ns, found.st_ino
