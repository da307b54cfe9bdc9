"""Checksums of files, taken once for as long as the system says that nobody has written to them."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

from featurestore.errors import SourceError
from featurestore.frames.atomic_file import atomic_path

_SETTLED = 2_000_000_000
"""Nanoseconds: a file that was written to just now may be written to again within one tick of its clock."""
Identity = list[int]


class FileHashes:
    """SHA-256 of files, remembered in a folder.

    A file is taken for the same while its size, its times of change (the system's own too, which nobody can set)
    and its place on the disk are.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "file_hashes.json"
        self._known = self._read()
        self._added = False

    def of(self, path: Path) -> tuple[int, str]:
        """Size and SHA-256 (hex) of a file.

        Raises:
            SourceError: if it cannot be read.
        """
        try:
            before, name = _identity(path), str(path.absolute())
            known = self._known.get(name)
            if known is not None and known[0] == before:
                return before[0], known[1]
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
        except OSError as error:
            raise SourceError(f"The file {path} cannot be read: {error}.") from error
        if _identity(path) == before and time.time_ns() - max(before[1], before[2]) > _SETTLED:
            self._known[name] = (before, digest)
            self._added = True
        return size, digest

    def keep(self) -> None:
        """Remember for other processes what was read anew."""
        if self._added:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(self._path) as unfinished:
                unfinished.write_text(json.dumps(self._known), encoding="utf-8")
            self._added = False

    def _read(self) -> dict[str, tuple[Identity, str]]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return {
                name: (list(map(int, identity)), str(digest)) for name, (identity, digest) in found.items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            # It only saves time: without it, or with a damaged one, files are read.
            return {}


def _identity(path: Path) -> Identity:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
