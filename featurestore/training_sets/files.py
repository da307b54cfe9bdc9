"""The folder of training sets: files named after their content, so that sets that share data share files.

objects/3f/3f9c….parquet     the rows of an entity dataframe, or of one part of a training set
manifests/77ab….json         what a training set was made from and came out as
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from featurestore.definitions.base import canonical_json
from featurestore.errors import RequestError
from featurestore.frames.atomic_file import atomic_path
from featurestore.training_sets.content import BLOCK_ROWS, Content, ContentHasher

_ABANDONED = 86_400
"""Seconds: a file that is being written grows all the time."""


class SetFolder:
    """Where training sets are saved.

    Attributes:
        path: a folder of this machine.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def place(self, content_hash: str) -> Path | str:
        """Where the object with that content is, or would be: for people."""
        return self.path / object_name(content_hash)

    def has(self, content_hash: str) -> bool:
        """Whether the object with that content is there."""
        return (self.path / object_name(content_hash)).is_file()

    def local(self, content_hash: str) -> Path:
        """A file of this machine with that content; it is there if `has` says so."""
        return self.path / object_name(content_hash)

    def store(self, unfinished: Path, content_hash: str) -> None:
        """Make a finished file the object with that content."""
        path = self.path / object_name(content_hash)
        path.parent.mkdir(exist_ok=True)
        # One that is there already has the same content, unless it was damaged.
        unfinished.replace(path)

    def manifest_place(self, manifest_id: str) -> Path | str:
        """Where a manifest is, or would be: for people."""
        return self.path / manifest_name(manifest_id)

    def read_manifest(self, manifest_id: str) -> bytes | None:
        """A manifest as it was saved, None if it is not there."""
        path = self.path / manifest_name(manifest_id)
        return path.read_bytes() if path.is_file() else None

    def write_manifest(self, manifest_id: str, manifest: Mapping[str, Any]) -> None:
        """Save a manifest beside the data, so that the folder explains itself."""
        path = self.path / manifest_name(manifest_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as unfinished:
            unfinished.write_text(canonical_json(manifest), encoding="utf-8")

    def write_rows(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Content:
        """Save rows as an object, unless there is one with the same content."""
        with self.staged(schema, [""]) as (part,):
            for batch in batches:
                part.add(batch)
            return part.keep()

    @contextmanager
    def staged(self, schema: pa.Schema, names: Sequence[str]) -> Iterator[list[PartWriter]]:
        """One writer for each part, whose files are gone at the end of the block unless they are kept."""
        (self.path / "objects").mkdir(parents=True, exist_ok=True)
        sweep(self.path)
        with ExitStack() as stack:
            yield [stack.enter_context(PartWriter(self, name, schema)) for name in names]


def sweep(folder: Path) -> None:
    """Remove the unfinished files of saves that were killed: those that nobody has written to for a day."""
    for unfinished in (*folder.glob("objects/.*.unfinished"), *folder.glob("manifests/.*.unfinished")):
        with suppress(FileNotFoundError):  # another save sweeps too, or has just finished this one
            if time.time() - unfinished.stat().st_mtime > _ABANDONED:
                unfinished.unlink()


def object_name(content_hash: str) -> str:
    """Where the object with that content is below a folder or prefix."""
    return f"objects/{content_hash[:2]}/{content_hash}.parquet"


def manifest_name(manifest_id: str) -> str:
    """Where a manifest is below a folder or prefix."""
    return f"manifests/{manifest_id}.json"


class PartWriter:
    """Writes the rows of one part of a training set, and takes their content hash."""

    def __init__(self, folder: SetFolder, name: str, schema: pa.Schema) -> None:
        self.name = name
        self._folder = folder
        self._schema = schema.remove_metadata()
        self.path = folder.path / "objects" / f".{uuid.uuid4().hex}.unfinished"
        self._hasher = ContentHasher(self._schema)
        self._pending: list[pa.RecordBatch] = []
        self._rows = 0
        self._content: Content | None = None
        try:
            # The fields within lists keep their names, so that what is read is of the type that was written.
            self._writer = pq.ParquetWriter(
                self.path, self._schema, compression="zstd", use_compliant_nested_type=False
            )
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
            self.path.unlink(missing_ok=True)
            raise RequestError(
                f"The rows cannot be saved as Parquet: {error}.", hint="Convert or drop such columns."
            ) from error

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next rows."""
        self._pending.append(batch)
        self._rows += batch.num_rows
        while self._rows >= BLOCK_ROWS:
            table = self._table()
            self._write(table.slice(0, BLOCK_ROWS))
            self._pending = table.slice(BLOCK_ROWS).to_batches()
            self._rows -= BLOCK_ROWS

    def finish(self) -> Content:
        """The content of all rows that were added; the file is whole."""
        if self._content is None:
            if self._rows:
                self._write(self._table())
            self._writer.close()
            self._content = self._hasher.result()
        return self._content

    def keep(self) -> Content:
        """Finish, and give the file its name."""
        content = self.finish()
        self._folder.store(self.path, content.hash)
        return content

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        self.path.unlink(missing_ok=True)

    def _table(self) -> pa.Table:
        batches = [batch.replace_schema_metadata(None) for batch in self._pending]
        return pa.Table.from_batches(batches, self._schema)

    def _write(self, block: pa.Table) -> None:
        block = block.combine_chunks()
        self._hasher.update(block)
        self._writer.write_table(block, row_group_size=BLOCK_ROWS)
