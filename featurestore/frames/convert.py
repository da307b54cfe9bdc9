"""Frames of other libraries to Arrow and back, without loading a library that is not in use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from featurestore.errors import EntityDataError, MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


def to_arrow_table(frame: Any, *, what: str, types: Mapping[str, pa.DataType] = {}) -> pa.Table:
    """An Arrow table of the rows of any supported frame, in their order.

    Takes an Arrow table, record batch or reader, a Polars data frame or lazy frame, a pandas data frame
    (its columns; not its index), a list of dicts, or a dict of columns.

    Args:
        frame: the rows.
        what: what they are, for messages.
        types: the Arrow types that Python values of these columns become; frames keep their own.

    Raises:
        EntityDataError: if `frame` is something else or its columns do not convert; names `what`.
    """
    try:
        table = _convert(frame, types, what)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        reasons = "; ".join(str(reason) for reason in error.args)
        raise EntityDataError(
            f"The frame of {what} does not convert to Arrow: {reasons}.",
            hint="Each column must hold values of one type.",
        ) from error
    if table is None:
        raise EntityDataError(
            f"For {what} a {type(frame).__name__} was given, which is not a frame.",
            hint="Give an Arrow, Polars or pandas frame, a list of dicts or a dict of columns.",
        )
    return table


def _convert(frame: Any, types: Mapping[str, pa.DataType], what: str) -> pa.Table | None:
    if isinstance(frame, pa.Table):
        return frame
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    if isinstance(frame, pa.RecordBatchReader):
        return frame.read_all()
    library = type(frame).__module__.partition(".")[0]
    if library == "polars":
        return _from_polars(frame)
    if library == "pandas":
        return _from_pandas(frame, what)
    if isinstance(frame, Mapping):
        return pa.table({name: _column(name, values, types.get(name)) for name, values in frame.items()})
    if isinstance(frame, Sequence) and not isinstance(frame, str | bytes):
        return _from_rows(frame, types)
    return None


def check_column(name: str, values: Any) -> None:
    """Check that a column in a dict of columns holds several values: a text alone is not its letters.

    Raises:
        EntityDataError: if it is one value.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise EntityDataError(
            f"Column {name!r} is {values!r} ({type(values).__name__}), which is not a list of values.",
            hint=f"Give a dict of lists, {{{name!r}: [{values!r}]}}, or a list of dicts.",
        )


def _column(name: str, values: Any, dtype: pa.DataType | None) -> Any:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    check_column(name, values)
    try:
        array = pa.array(values, dtype)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise type(error)(f"column {name!r}: {error}") from error
    if pa.types.is_timestamp(array.type) and isinstance(values, Sequence):
        _check_zones(name, values)
    return array


def _check_zones(name: str, values: Iterable[Any]) -> None:
    """Check that of Python's times all have a zone or none: Arrow takes the others to be UTC."""
    # pandas' NaT is a datetime too.
    times = (value for value in values if isinstance(value, datetime) and type(value).__name__ != "NaTType")
    zoned = {value.tzinfo is not None for value in times}
    if len(zoned) > 1:
        raise EntityDataError(
            f"Column {name!r} mixes times with and without a time zone.",
            hint="Give all of them one: naive.replace(tzinfo=…), or pandas.to_datetime(column, utc=True).",
        )


def _from_rows(rows: Sequence[Any], types: Mapping[str, pa.DataType]) -> pa.Table | None:
    if not all(isinstance(row, Mapping) for row in rows):
        return None
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: _column(name, [row.get(name) for row in rows], types.get(name)) for name in names})


def _from_polars(frame: Any) -> pa.Table | None:
    import polars as pl

    eager = frame.collect() if isinstance(frame, pl.LazyFrame) else frame
    return eager.to_arrow(compat_level=pl.CompatLevel.oldest()) if isinstance(eager, pl.DataFrame) else None


def _from_pandas(frame: Any, what: str) -> pa.Table | None:
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        return None
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise EntityDataError(
            f"The frame of {what} has more than one column named {twice[0]!r}.",
            hint="df.loc[:, ~df.columns.duplicated()] keeps the first of each.",
        )
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    for position, (name, dtype) in enumerate(zip(frame.columns, frame.dtypes, strict=True)):
        if dtype.kind == "O" and pa.types.is_timestamp(table.schema.types[position]):
            _check_zones(name, frame.iloc[:, position])
    return table


def pandas_index(frame: Any) -> pd.Index | None:
    """The index of a pandas data frame, None of all other frames."""
    if type(frame).__module__.partition(".")[0] != "pandas":
        return None
    index: pd.Index = frame.index
    return index


def to_polars(table: pa.Table) -> pl.DataFrame:
    """The table as a Polars data frame."""
    import polars as pl

    return pl.DataFrame(_unsliced(table))


def _unsliced(table: pa.Table) -> pa.Table:
    """The table with vectors copied: Polars 2.1 misreads the nulls of a slice of them."""
    vectors = [i for i, field in enumerate(table.schema) if pa.types.is_fixed_size_list(field.type)]
    if vectors:
        # In one chunk, or the batches that Polars takes would be slices again.
        table = table.combine_chunks()
    for i in vectors:
        copied = table.column(i).combine_chunks().take(pa.array(np.arange(table.num_rows)))
        table = table.set_column(i, table.schema.field(i), copied)
    return table


def to_pandas(table: pa.Table, index: pd.Index | None = None) -> pd.DataFrame:
    """The table as a pandas data frame with Arrow-backed types, so that no value changes.

    Types that pandas itself makes (categories, periods, intervals) are pandas' again.

    Args:
        table: the rows.
        index: of the data frame; None: the numbers of the rows.

    Raises:
        MissingDependencyError: if pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependencyError(
            "to_pandas needs pandas, which is not installed.", hint="pip install 'featurestore[pandas]'"
        ) from error

    def dtype(arrow: pa.DataType) -> pd.ArrowDtype | None:
        extension = arrow.extension_name if isinstance(arrow, pa.BaseExtensionType) else ""
        own = pa.types.is_dictionary(arrow) or extension.startswith("pandas.")
        return None if own else pd.ArrowDtype(arrow)

    frame = table.to_pandas(types_mapper=dtype)
    return frame if index is None else frame.set_axis(index)
