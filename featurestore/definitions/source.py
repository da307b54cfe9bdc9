"""Sources: where the rows of a feature view come from, and what their times mean."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, PlainSerializer, PrivateAttr, field_validator

from featurestore.definitions.base import Definition, Duration, FrozenDict, Name, Tags, Texts
from featurestore.definitions.row_sql import parse_expression
from featurestore.errors import DefinitionError, NotFoundError


class Source(Definition):
    """Base of all sources.

    Args:
        name: unique among the sources of a project.
        event_timestamp: column with the time at which a row's fact came true.
        created_timestamp: column with the time at which the row was written; breaks ties between rows with
            one event timestamp (the later one wins), and by itself never hides a row.
        available_at: column with the time from which the row could be known; a row is invisible before it
            and, where it is null, forever.
        event_id: column that identifies an event; of the visible rows with one id only that with the
            latest created timestamp counts.
        delay: how long after its event timestamp a row becomes visible. Must be given where the event
            timestamp is a date.
        timezone: the zone of naive times and of dates; zoned columns are taken as they are.
        mapping: columns under other names: new name to the name in the data.
        unnest: a list column of which each item becomes a row of its own, under the same name; a row whose list
            is empty or null has none.
        computed: further columns: name to a row-local SQL expression over the others.
        where: a row-local SQL condition; only rows for which it is true are there.

    The four are taken in this order, before anything else sees the rows; the columns above may be such columns.

    Raises:
        DefinitionError: if a column is not named, the delay is negative, the zone unknown, or an expression looks
            at more than its row.
    """

    added_later: ClassVar[tuple[str, ...]] = ("mapping", "unnest", "computed", "where")

    name: Name
    event_timestamp: str
    created_timestamp: str | None = None
    available_at: str | None = None
    event_id: str | None = None
    delay: Duration | None = None
    timezone: str = "UTC"
    mapping: Texts = FrozenDict()
    unnest: str = ""
    computed: Texts = FrozenDict()
    where: str = ""
    description: str = ""
    owner: str = ""
    tags: Tags = FrozenDict()

    @field_validator("where")
    @classmethod
    def _check_where(cls, value: str) -> str:
        if value:
            parse_expression(value)
        return value

    @field_validator("computed")
    @classmethod
    def _check_computed(cls, value: FrozenDict[str]) -> FrozenDict[str]:
        for name, expression in value.items():
            try:
                parse_expression(expression)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return value

    @property
    def time_columns(self) -> tuple[str, ...]:
        """The columns that say when a row came true, was written and was known, and which event it is."""
        roles = (self.event_timestamp, self.created_timestamp, self.available_at, self.event_id)
        return tuple(dict.fromkeys(role for role in roles if role is not None))

    def own_column(self, name: str) -> str:
        """The column of the data that a column is, before it is renamed."""
        return self.mapping.get(name, name)

    @property
    def event_column(self) -> str:
        """The column of the data that is the event timestamp, before it is renamed."""
        return self.own_column(self.event_timestamp)

    @field_validator("event_timestamp", "created_timestamp", "available_at", "event_id")
    @classmethod
    def _check_column(cls, value: str | None) -> str | None:
        if value == "":
            raise ValueError("expected the name of a column, found an empty text")
        return value

    @field_validator("delay")
    @classmethod
    def _check_delay(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < timedelta(0):
            raise ValueError("must not be negative, or rows would be visible before they happen")
        return value

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"{value!r} is not a time zone; use an IANA name such as Europe/Paris"
            ) from error
        return value

    @property
    def effective_delay(self) -> timedelta:
        """The delay, zero where none was stated."""
        return self.delay or timedelta(0)

    def values_payload(self) -> dict[str, Any]:
        """The parts of the definition that change values: what the data hash is taken over."""
        dumped = self.model_dump(mode="json", exclude={"name", "description", "owner", "tags"})
        return {"kind": self.kind, **dumped, "delay": dumped["delay"] or 0}


def _to_paths(value: object) -> object:
    if isinstance(value, str) or not isinstance(value, Sequence):
        value = (value,)
    return tuple(str(path) for path in value)


Paths = Annotated[tuple[str, ...], BeforeValidator(_to_paths), PlainSerializer(list, return_type=list[str])]


class FileSource(Source):
    """Base of the sources that are files on a disk."""

    path: Paths

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)

    @field_validator("path")
    @classmethod
    def _check_path(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(value):
            raise ValueError("expected a file, a glob or a list of them")
        return value


class ParquetSource(FileSource):
    """Rows of Parquet files.

    Args:
        path: a file, a glob (``data/**/*.parquet``) or a list of them; relative paths start at the folder
            of feature_store.toml, else at the working directory. ``s3://bucket/…``, ``gs://bucket/…`` and
            ``az://container/…`` are paths too.
        hive_partitioning: take columns from folder names such as ``day=2024-01-31``.

    The other arguments are those of `Source`.
    """

    kind: ClassVar[str] = "parquet"

    hive_partitioning: bool = False

    def __init__(
        self,
        name: str,
        *,
        path: str | Sequence[str],
        event_timestamp: str,
        created_timestamp: str | None = None,
        available_at: str | None = None,
        event_id: str | None = None,
        delay: timedelta | None = None,
        timezone: str = "UTC",
        mapping: Mapping[str, str] = FrozenDict(),
        unnest: str = "",
        computed: Mapping[str, str] = FrozenDict(),
        where: str = "",
        hive_partitioning: bool = False,
        description: str = "",
        owner: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(
            name=name, path=path, event_timestamp=event_timestamp, created_timestamp=created_timestamp,
            available_at=available_at, event_id=event_id, delay=delay, timezone=timezone,
            mapping=mapping, unnest=unnest, computed=computed, where=where,
            hive_partitioning=hive_partitioning, description=description, owner=owner, tags=tags,
        )  # fmt: skip


class CSVSource(FileSource):
    """Rows of CSV files with a header line, ISO 8601 times, and empty fields for nulls.

    Args:
        path: a file, a glob or a list of them, plain or compressed (``.gz``, ``.bz2``, ``.zst``).
        delimiter: the character between fields.

    The other arguments are those of `Source`.
    """

    kind: ClassVar[str] = "csv"

    delimiter: str = ","

    def __init__(
        self,
        name: str,
        *,
        path: str | Sequence[str],
        event_timestamp: str,
        created_timestamp: str | None = None,
        available_at: str | None = None,
        event_id: str | None = None,
        delay: timedelta | None = None,
        timezone: str = "UTC",
        mapping: Mapping[str, str] = FrozenDict(),
        unnest: str = "",
        computed: Mapping[str, str] = FrozenDict(),
        where: str = "",
        delimiter: str = ",",
        description: str = "",
        owner: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(
            name=name, path=path, event_timestamp=event_timestamp, created_timestamp=created_timestamp,
            available_at=available_at, event_id=event_id, delay=delay, timezone=timezone,
            mapping=mapping, unnest=unnest, computed=computed, where=where,
            delimiter=delimiter, description=description, owner=owner, tags=tags,
        )  # fmt: skip

    @field_validator("delimiter")
    @classmethod
    def _check_delimiter(cls, value: str) -> str:
        if len(value.encode()) != 1:
            raise ValueError(f"expected one ASCII character, found {value!r}")
        return value


class InMemorySource(Source):
    """Rows of a frame in memory: an Arrow table, or a Polars or pandas data frame.

    The registry records the definition, not the rows: another process can serve what was materialized
    from it, and has to bring its own rows to read it offline.

    Args:
        data: the frame, or None for a definition that was read back from the registry.
        text_columns: columns with texts that are read as the types that a view declares, as the fields of a CSV
            file are. Not recorded either.

    The other arguments are those of `Source`.
    """

    kind: ClassVar[str] = "memory"

    _data: Any = PrivateAttr(default=None)
    _text_columns: frozenset[str] = PrivateAttr(default=frozenset())

    def __init__(
        self,
        name: str,
        *,
        data: Any = None,
        text_columns: Collection[str] = (),
        event_timestamp: str,
        created_timestamp: str | None = None,
        available_at: str | None = None,
        event_id: str | None = None,
        delay: timedelta | None = None,
        timezone: str = "UTC",
        mapping: Mapping[str, str] = FrozenDict(),
        unnest: str = "",
        computed: Mapping[str, str] = FrozenDict(),
        where: str = "",
        description: str = "",
        owner: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(
            name=name, event_timestamp=event_timestamp, created_timestamp=created_timestamp,
            available_at=available_at, event_id=event_id, delay=delay, timezone=timezone,
            mapping=mapping, unnest=unnest, computed=computed, where=where,
            description=description, owner=owner, tags=tags,
        )  # fmt: skip
        self._data = data
        self._text_columns = frozenset(text_columns)

    @property
    def data(self) -> Any:
        """The frame as it was given, or None."""
        return self._data

    @property
    def text_columns(self) -> frozenset[str]:
        """The columns that were given as text."""
        return self._text_columns


def source_type(kind: str) -> type[Source]:
    """The class of sources of one kind, from the entry points of group ``featurestore.sources``.

    Raises:
        NotFoundError: if no installed package provides the kind.
    """
    for cls in (ParquetSource, CSVSource, InMemorySource):
        if cls.kind == kind:
            return cls
    entry_points = importlib.metadata.entry_points(group="featurestore.sources")
    for entry_point in entry_points:
        if entry_point.name == kind:
            loaded: type[Source] = entry_point.load()
            return loaded
    raise NotFoundError.of("Source kind", kind, ["parquet", "csv", "memory", *(e.name for e in entry_points)])


def load_source(payload: Mapping[str, Any]) -> Source:
    """Turn the JSON form of a source (a mapping with its kind) into the source."""
    fields = dict(payload)
    if "kind" not in fields:
        raise DefinitionError("The JSON of a source lacks its kind.")
    return source_type(fields.pop("kind"))(**fields)


def dump_source(source: Source) -> dict[str, Any]:
    """The JSON form of a source, with its kind."""
    return {"kind": source.kind, **source.model_dump(mode="json")}
