"""CSV files: what their fields look like, and their fields parsed in the types that are asked for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.csv

from featurestore.definitions.source import CSVSource, Source
from featurestore.sources import remote

_log = logging.getLogger(__name__)


def csv_schema(source: CSVSource, file: str) -> pa.Schema:
    """Strings, but for the columns that hold times: these are what their first fields look like."""
    times = _time_columns(source)
    looks = _csv_looks(source, file)
    return pa.schema([field if field.name in times else field.with_type(pa.string()) for field in looks])


def _csv_looks(source: CSVSource, file: str) -> pa.Schema:
    """What the first fields look like; a time in microseconds may be too far away for Arrow's first guess."""
    looks = _csv_first_block(source, file, {})
    for name in sorted(_time_columns(source) & set(looks.names)):
        for guess in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
            if not pa.types.is_string(looks.field(name).type):
                break
            try:
                looks = looks.set(
                    looks.get_field_index(name), _csv_first_block(source, file, {name: guess}).field(name)
                )
            except pa.ArrowInvalid as error:
                _log.debug("column %s of %s is no %s: %s", name, file, guess, error)
    return looks


def time_looks(source: CSVSource, file: str, columns: Mapping[str, pa.DataType | None]) -> pa.Schema:
    """What the columns look like whose type is not declared, or is a timestamp that may have a zone."""
    looks = _csv_looks(source, file)
    fields = []
    for name, wanted in columns.items():
        if wanted is None and name not in _time_columns(source):
            fields.append(pa.field(name, pa.string()))  # an event's id is what is written
        elif wanted is None or pa.types.is_timestamp(wanted):
            fields.append(looks.field(name))
    return pa.schema(fields)


def _time_columns(source: Source) -> set[str]:
    roles = (source.event_timestamp, source.created_timestamp, source.available_at)
    return {source.mapping.get(name, name) for name in roles if name is not None}


def _csv_first_block(source: CSVSource, file: str, types: Mapping[str, pa.DataType]) -> pa.Schema:
    options = pa.csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
    with pa.csv.open_csv(_stream(file), parse_options=_csv_format(source), convert_options=options) as reader:
        return reader.schema


def _csv_format(source: CSVSource) -> pa.csv.ParseOptions:
    return pa.csv.ParseOptions(delimiter=source.delimiter, newlines_in_values=True)


def read_csv(
    source: CSVSource, file: str, columns: Mapping[str, pa.DataType | None], looks: pa.Schema
) -> pa.Table:
    """Columns of a file in the given types, None being what `looks` says, as do times."""

    def types(unit: str) -> dict[str, pa.DataType]:
        found = {name: looks.field(name).type for name in looks.names}
        return {name: _csv_type(wanted, found.get(name), unit) for name, wanted in columns.items()}

    try:
        return _parse_csv(source, file, types("us"))
    except pa.ArrowInvalid:
        if types("ns") == types("us"):
            raise
        return _parse_csv(source, file, types("ns"))


def _csv_type(wanted: pa.DataType | None, found: pa.DataType | None, unit: str) -> pa.DataType:
    """The type to parse a field as: naive and zoned times are told apart by what is written."""
    if found is None:
        return pa.float32() if pa.types.is_float16(wanted) else wanted
    if pa.types.is_timestamp(found):
        return pa.timestamp(unit, found.tz)
    return pa.timestamp(unit) if pa.types.is_null(found) else found


def _parse_csv(source: CSVSource, file: str, types: Mapping[str, pa.DataType]) -> pa.Table:
    return pa.csv.read_csv(
        _stream(file),
        parse_options=_csv_format(source),
        convert_options=pa.csv.ConvertOptions(
            column_types=types, include_columns=list(types), strings_can_be_null=True,
            null_values=[""], quoted_strings_can_be_null=False,
        ),
    )  # fmt: skip


def _stream(file: str) -> Any:
    return remote.open_stream(file) if remote.is_remote(file) else file
