"""The state of a source: which files it is made of, its snapshot, or what it holds; and what has changed since."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from featurestore.adapters import open_source_reader
from featurestore.definitions.source import FileSource, InMemorySource, ParquetSource, Source
from featurestore.definitions.view import FeatureView
from featurestore.errors import SourceError
from featurestore.frames.convert import to_arrow_table
from featurestore.frames.times import CREATED_TIME, SOURCE_TIME, time_column
from featurestore.lineage.columns import EVERYTHING, column_origin, feature_origins
from featurestore.protocols.sources import SnapshotReader, WantedRows
from featurestore.sources import remote
from featurestore.sources.arrow import read_table, source_schema
from featurestore.sources.external import external_columns, external_rows
from featurestore.sources.files import is_stored_remotely, list_files
from featurestore.training_sets.content import content_of
from featurestore.training_sets.file_hashes import FileHashes
from featurestore.training_sets.row_checksum import row_checksum

State = dict[str, Any]
Stamp = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Reads:
    """What a training set can depend on in a source.

    Attributes:
        columns: of the source; None for all of them.
        until: no row with a later event matters (microseconds).
        as_of: nor does one that became known later, or None.
    """

    columns: frozenset[str] | None
    until: int
    as_of: int | None


def reads_of(views: Iterable[FeatureView], until: int, as_of: int | None) -> Reads:
    """What views over one source read of it up to an instant."""
    columns: set[str] = set()
    for view in views:
        origins = [*feature_origins(view).values()]
        names = (*view.join_keys, *view.origin.time_columns)
        origins += [column_origin(view, name) for name in names]
        columns |= {name for origin in origins for name in (*origin.values, *origin.filters)}
        event_id = view.origin.event_id
        columns |= set() if event_id is None else {view.origin.mapping.get(event_id, event_id)}
    return Reads(None if EVERYTHING in columns else frozenset(columns), until, as_of)


def source_stamp(source: Source, reads: Reads) -> Stamp:
    """What tells whether somebody writes to a source, as cheaply as the source allows; empty for rows in memory.

    Files have sizes and times, or etags; other sources their snapshot, if their reader knows of such, or else a
    checksum of the rows that matter, for which they are read.

    Raises:
        SourceError: if the source cannot be read.
    """
    if isinstance(source, InMemorySource):
        return ()
    if not isinstance(source, FileSource):
        return _external_stamp(source, reads)
    files = list_files(source)
    if is_stored_remotely(source):
        found = remote.versions(source.name, [file for file in files if remote.is_remote(file)])
        etags = [(file, version.size, version.etag) for file, version in found.items()]
        return (*etags, *(_file_stamp(file) for file in files if not remote.is_remote(file)))
    return tuple(map(_file_stamp, files))


def source_state(source: Source, root: Path, stamp: Stamp, hashes: FileHashes) -> State:
    """What tells one state of a source (with absolute paths) from another, for the record.

    Args:
        source: with absolute paths.
        root: paths below it are recorded from there on.
        stamp: of the source.
        hashes: of files.

    Raises:
        SourceError: if the source cannot be read.
    """
    state = {"name": source.name, "kind": source.kind}
    if isinstance(source, FileSource):
        files = [_file_state(entry, root, hashes) for entry in stamp]
        return state | {"files": files, "rows": _count(source)}
    if isinstance(source, InMemorySource):
        if source.data is None:
            raise SourceError(
                f"Source {source.name!r} is in memory, and this process does not have its rows.",
                hint="Apply the source with its rows in this process first.",
            )
        table = to_arrow_table(source.data, what=f"source {source.name!r}")
        content = content_of(table.to_batches(), table.schema)
        return state | {"content": content.hash, "rows": content.rows}
    ((how, what, rows),) = stamp
    return state | {how: what, "rows": rows}


def with_queries(state: State, queries: Collection[str]) -> State:
    """A state with the queries by which the source was read, as its database calls them, where it has such names."""
    return state | {"queries": list(queries)} if queries else state


def check_unchanged(source: Source, stamp: Stamp, reads: Reads) -> None:
    """Check that nobody has written to a source since it was stamped.

    Raises:
        SourceError: if somebody has.
    """
    changed = sorted({*stamp} ^ {*source_stamp(source, reads)}, key=str)
    if changed:
        where = f" ({changed[0][0]})" if isinstance(source, FileSource) else ""
        raise SourceError(
            f"The training set was not computed: meanwhile source {source.name!r} was written to{where}.",
            hint="Compute it again when nothing writes to the source.",
        )


def _external_stamp(source: Source, reads: Reads) -> Stamp:
    reader = open_source_reader(source.kind)
    if isinstance(reader, SnapshotReader):
        return (("snapshot", reader.snapshot(source=source), None),)
    schema = external_columns(source).schema
    times = _time_columns(source, schema.names)
    read = reads.columns
    wanted = [name for name in schema.names if read is None or name in read or name in times.values()]
    rows = external_rows(source, dict.fromkeys(wanted), WantedRows(latest=reads.until))
    found = row_checksum(_that_matter(source, rows, times, reads), rows.schema)
    return (("checksum", found.digest, found.rows),)


def _time_columns(source: Source, there: Collection[str]) -> dict[str, str]:
    """The columns that say of a row when it happened and when it became known, where they are columns."""
    roles = {"event": source.event_timestamp, "known": source.available_at or source.created_timestamp}
    names = {role: source.mapping.get(name, name) for role, name in roles.items() if name is not None}
    return {role: name for role, name in names.items() if name in there}


def _that_matter(
    source: Source, batches: Iterable[pa.RecordBatch], times: Mapping[str, str], reads: Reads
) -> Iterator[pa.RecordBatch]:
    """Of batches the rows with an event until, and known as of, what is read; a reader may give more of them."""
    limits = {"event": (reads.until, SOURCE_TIME), "known": (reads.as_of, CREATED_TIME)}
    for batch in batches:
        keep = np.ones(batch.num_rows, np.bool_)
        for role, name in times.items():
            limit, reading = limits[role]
            if limit is not None:
                column = time_column(
                    pa.chunked_array([batch.column(name)]), source.timezone, name=name, reading=reading
                )
                keep &= np.asarray(pc.fill_null(pc.less_equal(column, limit), False))
        yield batch if keep.all() else batch.filter(pa.array(keep))


def _file_stamp(file: str) -> tuple[Any, ...]:
    try:
        found = Path(file).stat()
    except OSError as error:
        raise SourceError(f"The file {file} cannot be read: {error}.") from error
    return file, found.st_size, found.st_mtime_ns


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
        elif _content_of_file(old[path]) != _content_of_file(new[path]):
            sizes = f"{old[path]['size']:,} → {new[path]['size']:,} bytes"
            yield f"{what}: file {path} was replaced ({sizes})"
    if before.get("content") != now.get("content"):
        yield f"{what}: its rows in memory are others"
    if before.get("snapshot") != now.get("snapshot"):
        yield f"{what}: it is at another snapshot ({before.get('snapshot')} → {now.get('snapshot')})"
    elif before.get("checksum") != now.get("checksum") and before["rows"] == now["rows"]:
        yield f"{what}: its rows are others"
    if before["rows"] is not None and now["rows"] is not None and before["rows"] != now["rows"]:
        more = now["rows"] - before["rows"]
        amount = f"{abs(more):,} row{'' if abs(more) == 1 else 's'} {'more' if more > 0 else 'fewer'}"
        yield f"{what}: {amount} ({before['rows']:,} → {now['rows']:,})"


def _content_of_file(file: Mapping[str, Any]) -> tuple[Any, ...]:
    return file["size"], file.get("sha256"), file.get("etag")


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


def _file_state(entry: tuple[Any, ...], root: Path, hashes: FileHashes) -> Mapping[str, Any]:
    file, size, version = entry
    if remote.is_remote(file):
        return {"path": file, "size": size, "etag": version}
    path = Path(file)
    size, digest = hashes.of(path)
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return {"path": shown.as_posix(), "size": size, "sha256": digest}


def _count(source: FileSource) -> int:
    """How many rows the files hold, whatever steps the source then takes."""
    if not isinstance(source, ParquetSource):
        first = source_schema(source).names[0]
        return int(read_table(source, {first: pa.string()}).num_rows)
    try:
        return sum(_metadata(file).num_rows for file in list_files(source))
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"Source {source.name!r} cannot be counted: {error}.") from error


def _metadata(file: str) -> Any:
    if not remote.is_remote(file):
        return pq.read_metadata(file)
    with remote.open_file(file) as opened:
        return pq.read_metadata(opened)
