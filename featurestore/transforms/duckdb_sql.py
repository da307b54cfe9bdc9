"""SQL over an Arrow table, run by DuckDB with nothing else in reach."""

from __future__ import annotations

import pyarrow as pa

from featurestore.definitions.row_sql import TABLE
from featurestore.errors import TransformError

SETTINGS = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}


def run_sql(rows: pa.Table, statement: str, *, what: str) -> pa.Table:
    """The result of a query that reads `rows` as `TABLE`; its order is that of the rows where it is row-local.

    Raises:
        TransformError: naming `what`, with DuckDB's words.
    """
    import duckdb  # not at the start of a process that only serves

    with duckdb.connect(":memory:", config={**SETTINGS, "enable_external_access": False}) as connection:
        try:
            connection.execute("SET TimeZone = 'UTC'")
            readable = [for_duckdb(rows.column(i)) for i in range(rows.num_columns)]
            connection.register(TABLE, pa.table(readable, names=rows.schema.names))
            return connection.sql(statement).to_arrow_table()
        except (duckdb.Error, pa.ArrowException) as error:
            columns = ", ".join(name for name in rows.schema.names if not name.startswith("__fs_"))
            raise TransformError(
                f"{what}: {str(error).splitlines()[0]}",
                hint=f"The dialect is DuckDB's. The rows have: {columns}.",
            ) from error


def for_duckdb(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """An Arrow column in a type that DuckDB reads without loss: floats of 16 bits and wide decimals are not."""
    wanted = _readable(column.type)
    return column if column.type == wanted else column.cast(wanted)


def _readable(found: pa.DataType) -> pa.DataType:
    if pa.types.is_float16(found):
        return pa.float32()
    if pa.types.is_decimal(found):
        return pa.decimal128(min(found.precision, 38), found.scale)
    if pa.types.is_dictionary(found):
        return _readable(found.value_type)
    if pa.types.is_fixed_size_list(found):
        return pa.list_(_readable(found.value_type), found.list_size)
    if pa.types.is_list(found) or pa.types.is_large_list(found):
        item = _readable(found.value_type)
        return found if item == found.value_type else pa.large_list(item)
    return found
