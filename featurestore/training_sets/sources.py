"""The state of a source: which files it is made of, or what it holds in memory; and what has changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from featurestore.definitions.source import FileSource, InMemorySource, ParquetSource, Source
from featurestore.errors import SourceError
from featurestore.frames.convert import to_arrow_table
from featurestore.frames.times import CREATED_TIME, SOURCE_TIME, time_column
from featurestore.sources.arrow import read_table, source_schema
from featurestore.sources.files import is_stored_remotely, list_files
from featurestore.training_sets.content import content_of

State = dict[str, Any]


def source_state(source: Source, root: Path) -> State:
    """What tells one state of a source (with absolute paths) from another: files by size and checksum, or a hash.

    Raises:
        SourceError: if the source cannot be read.
    """
    if isinstance(source, FileSource) and not is_stored_remotely(source):
        files = [_file_state(Path(file), root) for file in list_files(source)]
        return {"name": source.name, "kind": source.kind, "files": files, "rows": _count(source)}
    if isinstance(source, InMemorySource):
        if source.data is None:
            raise SourceError(
                f"Source {source.name!r} is in memory, and this process does not have its rows.",
                hint="Apply the source with its rows in this process first.",
            )
        table = to_arrow_table(source.data, what=f"source {source.name!r}")
        content = content_of(table.to_batches(), table.schema)
        return {"name": source.name, "kind": source.kind, "content": content.hash, "rows": content.rows}
    raise SourceError(
        f"Source {source.name!r} of kind {source.kind!r} cannot say in which state it is.",
        hint="Training sets are made from files on a disk and from frames in memory.",
    )


def source_stamp(source: Source) -> tuple[tuple[str, int, int], ...]:
    """Path, size and time of change of each file: told without reading them; empty for rows in memory.

    Raises:
        SourceError: if a file is gone.
    """
    if not isinstance(source, FileSource) or is_stored_remotely(source):
        return ()
    stamps = [(file, Path(file).stat()) for file in list_files(source)]
    return tuple((file, found.st_size, found.st_mtime_ns) for file, found in stamps)


def check_unchanged(source: Source, stamp: tuple[tuple[str, int, int], ...]) -> None:
    """Check that nobody has written to a source since it was stamped.

    Raises:
        SourceError: if somebody has.
    """
    changed = sorted({file for file, _, _ in {*stamp} ^ {*source_stamp(source)}})
    if changed:
        raise SourceError(
            f"The training set was not computed: meanwhile source {source.name!r} was written to ({changed[0]}).",
            hint="Compute it again when nothing writes to the source.",
        )


def state_changes(before: State, now: State) -> Iterator[str]:
    """What differs between two states of a source, in words."""
    what = f"source {before['name']}"
    old = {file["path"]: file for file in before.get("files", ())}
    new = {file["path"]: file for file in now.get("files", ())}
    for path in sorted({*old, *new}):
        if path not in new:
            yield f"{what}: file {path} is gone"
        elif path not in old:
            yield f"{what}: file {path} is new"
        elif old[path]["sha256"] != new[path]["sha256"]:
            sizes = f"{old[path]['size']:,} → {new[path]['size']:,} bytes"
            yield f"{what}: file {path} was replaced ({sizes})"
    if before.get("content") != now.get("content"):
        yield f"{what}: its rows in memory are others"
    if before["rows"] != now["rows"]:
        more = now["rows"] - before["rows"]
        amount = f"{abs(more):,} row{'' if abs(more) == 1 else 's'} {'more' if more > 0 else 'fewer'}"
        yield f"{what}: {amount} ({before['rows']:,} → {now['rows']:,})"


def late_rows(source: Source, *, known_after: int, until: int) -> int | None:
    """How many rows became known after one instant with an event not after another (both in microseconds).

    Returns:
        None where the source does not say when its rows became known.
    """
    known = source.available_at or source.created_timestamp
    columns = [source.mapping.get(name, name) for name in (source.event_timestamp, known) if name is not None]
    if known is None or not set(columns) <= set(source_schema(source).names):
        return None
    table = read_table(source, dict.fromkeys(columns))
    zone = source.timezone
    events = time_column(table.column(columns[0]), zone, name=columns[0], reading=SOURCE_TIME)
    arrivals = time_column(table.column(columns[-1]), zone, name=columns[-1], reading=CREATED_TIME)
    late = np.asarray(arrivals.fill_null(known_after)) > known_after
    return int((late & (np.asarray(events.fill_null(until + 1)) <= until)).sum())


def _file_state(path: Path, root: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as error:
        raise SourceError(f"The file {path} cannot be read: {error}.") from error
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return {"path": shown.as_posix(), "size": size, "sha256": digest}


def _count(source: FileSource) -> int:
    """How many rows the files hold, whatever steps the source then takes."""
    if not isinstance(source, ParquetSource):
        first = source_schema(source).names[0]
        return int(read_table(source, {first: pa.string()}).num_rows)
    try:
        return sum(pq.read_metadata(file).num_rows for file in list_files(source))
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"Source {source.name!r} cannot be counted: {error}.") from error
