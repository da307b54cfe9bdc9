"""Training sets in object storage: the same objects and manifests under a bucket and prefix.

Objects are written on this machine first, since their name is their content, and read from a copy. An upload is
there as a whole or not at all; what is there already is not uploaded again.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from featurestore.definitions.base import canonical_json
from featurestore.errors import RequestError
from featurestore.sources.remote import is_remote
from featurestore.sources.stores import PREFIXES, first_line, split
from featurestore.training_sets.files import SetFolder

_PIECE = 8 * 2**20


class RemoteFolder(SetFolder):
    """Training sets under ``s3://bucket/prefix`` or its like; copies of what is read last as long as this object."""

    def __init__(self, location: str) -> None:
        self._location = location.rstrip("/")
        copies = tempfile.mkdtemp(prefix="featurestore-sets-")
        weakref.finalize(self, shutil.rmtree, copies, ignore_errors=True)
        super().__init__(Path(copies))

    def place(self, content_hash: str) -> str:
        """See `SetFolder`."""
        return self._at(super().local(content_hash))

    def has(self, content_hash: str) -> bool:
        """See `SetFolder`."""
        return self._is_there(self.place(content_hash))

    def local(self, content_hash: str) -> Path:
        """See `SetFolder`; the object is copied to this machine when it is first asked for."""
        copy = super().local(content_hash)
        if not copy.is_file() and self.has(content_hash):
            copy.parent.mkdir(parents=True, exist_ok=True)
            unfinished = copy.with_suffix(".unfinished")
            source = self._key(self.place(content_hash))
            with (
                self._reported(),
                unfinished.open("wb") as target,
                self._opened().open_input_stream(source) as stream,
            ):
                while piece := stream.read(_PIECE):
                    target.write(piece)
            unfinished.replace(copy)
        return copy

    def store(self, unfinished: Path, content_hash: str) -> None:
        """See `SetFolder`."""
        super().store(unfinished, content_hash)
        if self.has(content_hash):
            return
        with self._reported(), super().local(content_hash).open("rb") as file:
            self._write(self.place(content_hash), iter(lambda: file.read(_PIECE), b""))

    def manifest_place(self, manifest_id: str) -> str:
        """See `SetFolder`."""
        return f"{self._location}/manifests/{manifest_id}.json"

    def read_manifest(self, manifest_id: str) -> bytes | None:
        """See `SetFolder`."""
        place = self.manifest_place(manifest_id)
        if not self._is_there(place):
            return None
        with self._reported(), self._opened().open_input_stream(self._key(place)) as stream:
            return bytes(stream.read())

    def write_manifest(self, manifest_id: str, manifest: Mapping[str, Any]) -> None:
        """See `SetFolder`."""
        with self._reported():
            self._write(self.manifest_place(manifest_id), iter([canonical_json(manifest).encode()]))

    def _opened(self) -> Any:
        return split(self._location)[0].opened()

    def _key(self, place: str) -> str:
        return split(place)[1]

    def _write(self, place: str, pieces: Iterator[bytes]) -> None:
        # The object appears when the stream is closed, and not at all if a piece fails.
        stream = self._opened().open_output_stream(self._key(place))
        for piece in pieces:
            stream.write(piece)
        stream.close()

    def _is_there(self, place: str) -> bool:
        with self._reported():
            return bool(self._opened().get_file_info(self._key(place)).is_file)

    def _at(self, copy: Path) -> str:
        return f"{self._location}/{copy.relative_to(self.path).as_posix()}"

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            message, store = first_line(error), split(self._location)[0]
            raise RequestError(
                f"The training sets at {self._location} cannot be read or written: {message}",
                hint=f"Check the bucket, {store.where}, the credentials ({store.who}) and what they may do.",
            ) from error


def open_folder(location: Path | str) -> SetFolder:
    """The folder of training sets at a path or a URL of object storage.

    Raises:
        RequestError: if nothing opens such URLs.
    """
    text = str(location)
    if isinstance(location, str) and is_remote(text):
        return RemoteFolder(text)
    if "://" in text:
        raise RequestError(
            f"Training sets cannot be saved at {text}.",
            hint=f"Give a folder, or a URL that begins with {', '.join(PREFIXES)}.",
        )
    return SetFolder(Path(location))
