"""Entity rows from the command line: texts such as ``driver_id=1001``, and files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import typer

from featurestore.definitions.types import INTEGERS, Bool, Bytes, Date, FeatureType, String
from featurestore.errors import EntityDataError, NotFoundError
from featurestore.frames.types import arrow_type
from featurestore.planning.request import Request, resolve_request

if TYPE_CHECKING:
    from featurestore.planning.catalog import Catalog


def parse_rows(texts: Sequence[str], request: Request) -> list[dict[str, Any]]:
    """Rows from texts, one each, values in the types of the join keys.

    Raises:
        EntityDataError: if a value is not of its key's type.
        NotFoundError: for a key that no requested view has.
    """
    types = _key_types(request)
    if not types:
        if texts:
            raise NotFoundError.of("Join key", texts[0].partition("=")[0], [], where="the requested views")
        return [{}]
    if not texts:
        example = ",".join(f"{key}=…" for key in types)
        raise typer.BadParameter(f"The requested views need -e {example}", param_hint="--entity")
    return [_parse_row(text, types) for text in texts]


def read_file(path: Path, features: list[str], catalog: Catalog) -> Path | pa.Table:
    """Entity rows of a file: a Parquet file as it is (it is streamed), a CSV file as a table."""
    return read_table(path, features, catalog) if _is_csv(path) else path


def read_table(path: Path, features: list[str], catalog: Catalog) -> pa.Table:
    """Entity rows of a file. In a CSV file join keys have their declared types, and empty fields are null.

    Raises:
        EntityDataError: if the file cannot be read.
    """
    try:
        if not _is_csv(path):
            return pa.parquet.read_table(path)
        types = _key_types(resolve_request(features, catalog, full_feature_names=True))
        convert = pa.csv.ConvertOptions(
            column_types={key: arrow_type(dtype) for key, dtype in types.items()},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        return pa.csv.read_csv(path, convert_options=convert)
    except pa.ArrowException as error:
        raise EntityDataError(f"The entity rows in {path} cannot be read: {error}.") from error


def _is_csv(path: Path) -> bool:
    if path.suffix not in (".csv", ".parquet", ".pq"):
        raise typer.BadParameter(f"{path} does not end in .parquet or .csv.", param_hint="--entities")
    return path.suffix == ".csv"


def _key_types(request: Request) -> dict[str, FeatureType]:
    return {
        view.entity_column(key): dtype for view in request.views for key, dtype in view.view.join_keys.items()
    }


def _parse_row(text: str, types: Mapping[str, FeatureType]) -> dict[str, Any]:
    # A comma that no key follows belongs to the value.
    row = {}
    for part in re.split(f",(?=(?:{'|'.join(map(re.escape, types))})=)", text):
        key, equals, value = part.partition("=")
        if not equals:
            raise typer.BadParameter(f"{part!r} is not KEY=VALUE.", param_hint="--entity")
        if key not in types:
            raise NotFoundError.of("Join key", key, types, where="the requested views")
        row[key] = _parse_value(value, types[key], key)
    if missing := [key for key in types if key not in row]:
        example = ",".join(f"{key}=…" for key in types)
        raise EntityDataError(
            f"The entity {text!r} lacks the join key {missing[0]!r}.",
            hint=f"One -e is one entity: -e {example}",
        )
    return row


def _parse_value(text: str, dtype: FeatureType, key: str) -> Any:
    try:
        return _parser(dtype)(text)
    except (ValueError, KeyError) as error:
        raise EntityDataError(
            f"Join key {key!r}: expected {dtype}, found {text!r}.", hint=_HINTS.get(str(dtype))
        ) from error


def _parser(dtype: FeatureType) -> Callable[[str], Any]:
    if dtype in INTEGERS:
        return int
    parsers: dict[FeatureType, Callable[[str], Any]] = {
        String: str,
        Bytes: bytes.fromhex,
        Bool: {"true": True, "false": False}.__getitem__,
        Date: date.fromisoformat,
    }
    return parsers.get(dtype, datetime.fromisoformat)


_HINTS = {
    "bool": "Write true or false.",
    "bytes": "Write it in hexadecimal, e.g. 0a1bff.",
    "date": "Write it as 2024-05-01.",
    "timestamp": "Write it as 2024-05-01T12:30:00Z.",
}
