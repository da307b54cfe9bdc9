"""Arrow tables as tables of Snowflake."""

from __future__ import annotations

import itertools
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from featurestore.definitions.database import SnowflakeSource
from featurestore.definitions.source import Source
from featurestore.definitions.types import Float16, Float32
from featurestore.protocols.offline import ViewPlan
from featurestore.testing.strategies import Case
from featurestore.testing.strategies.tables import table_of_plan
from featurestore_connectors.snowflake import SnowflakeEngine
from featurestore_connectors.snowflake.connections import Session
from tests.servers import snowflake_server
from tests.warehouse.loading import roles_of

URL = "${SNOWFLAKE_URL}"
_NUMBERS = itertools.count()
_EPOCH = "'1970-01-01'::TIMESTAMP_NTZ"


def sql_type(found: pa.DataType) -> str:
    if pa.types.is_integer(found):
        return "NUMBER(38, 0)"
    if pa.types.is_nested(found):
        return "ARRAY"
    if pa.types.is_floating(found):
        return "FLOAT"
    if pa.types.is_decimal(found):
        return f"NUMBER({found.precision}, {found.scale})"
    if pa.types.is_timestamp(found):
        return "TIMESTAMP_NTZ" if found.tz is None else "TIMESTAMP_TZ"
    return {pa.bool_(): "BOOLEAN", pa.string(): "VARCHAR", pa.binary(): "BINARY", pa.date32(): "DATE"}[found]


def session() -> Session:
    return Session(source="tests", url=URL)


def run(*statements: str) -> None:
    with session() as opened:
        opened.run(*statements)


def load_table(table: pa.Table) -> str:
    """Make a table of the rows; its name."""
    name, stage = f'"Rows {next(_NUMBERS)}"', f"fs_rows_{next(_NUMBERS)}"
    sent, made = {}, []
    for i, (field, column) in enumerate(zip(table.schema, table.columns, strict=True)):
        own = f"c{i}"
        if pa.types.is_timestamp(field.type):
            # As numbers: how Parquet's times are read depends on the account. In two parts, which are exact.
            ticks = column.cast(pa.int64())
            sent[f"c{i}"] = seconds = pc.divide(ticks, 1_000_000)
            sent[f"r{i}"] = pc.subtract(ticks, pc.multiply(seconds, 1_000_000))
            own = f"DATEADD(MICROSECOND, r{i}, DATEADD(SECOND, c{i}, {_EPOCH}))"
        elif pa.types.is_nested(field.type):
            texts = [
                None if value is None else json.dumps(value, default=str) for value in column.to_pylist()
            ]
            sent[f"c{i}"] = pa.array(texts, pa.string())
            own = f"PARSE_JSON(c{i})"
        else:
            sent[f"c{i}"] = column
        made.append(f'({own})::{sql_type(field.type)} AS "{field.name}"')
    kinds = {name: sql_type(column.type) for name, column in sent.items()}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.parquet"
        pq.write_table(pa.table(sent), file)
        run(
            f"CREATE TEMPORARY STAGE {stage}",
            f"CREATE TEMPORARY TABLE {stage} ({', '.join(f'{name} {kind}' for name, kind in kinds.items())})",
            f"PUT 'file://{file}' @{stage} AUTO_COMPRESS = FALSE",
            f"COPY INTO {stage} FROM (SELECT {', '.join(f'$1:{name}::{kind}' for name, kind in kinds.items())} "
            f"FROM @{stage}) FILE_FORMAT = (TYPE = PARQUET BINARY_AS_TEXT = FALSE NULL_IF = ())",
            f"CREATE TABLE {name} AS SELECT {', '.join(made)} FROM {stage}",
        )
    return name


def table_for_snowflake(table: pa.Table, plan: ViewPlan) -> pa.Table | None:
    """The rows in types that Snowflake has; None if it has none of them, or no exact ones."""
    found = table_of_plan(table, plan)
    if found is None or SnowflakeEngine.dialect.refused([f.dtype for f in plan.inputs]) is not None:
        return None
    if snowflake_server.VARIABLE not in os.environ and any(map(_is_too_large, found.columns)):
        return None
    short = {Float16, Float32} & {f.dtype for f in plan.inputs}
    return None if short else found


def _is_too_large(column: pa.ChunkedArray) -> bool:
    """Whether a column holds integers beyond 64 bits, which the local server has not."""
    if not pa.types.is_decimal(column.type) or column.type.scale:
        return False
    return any(value is not None and abs(value) >= 2**63 for value in column.to_pylist())


def as_snowflake(case: Case) -> Case | None:
    """The case over a table of Snowflake; None if none can hold it."""
    table = table_for_snowflake(case.table, case.plans[0])
    return None if table is None else case.with_source(snowflake_source(case.source, load_table(table)))


def snowflake_source(source: Source, table: str) -> SnowflakeSource:
    return SnowflakeSource(source.name, url=URL, table=table, **roles_of(source))


def rows_of_query(query: str, **roles: Any) -> SnowflakeSource:
    return SnowflakeSource("s", url=URL, query=query, **{"event_timestamp": "at", **roles})


def snowflake_table(column: str, *queries: str) -> SnowflakeSource:
    """A table of a column and a time, with a row for each query."""
    name = f"rows_{next(_NUMBERS)}"
    inserts = [
        f"INSERT INTO {name} SELECT '2024-01-01'::TIMESTAMP_NTZ, q.* FROM ({query}) q" for query in queries
    ]
    run(f'CREATE TABLE {name} ("AT" TIMESTAMP_NTZ, {column})', *inserts)
    return SnowflakeSource("s", url=URL, table=name, event_timestamp="at")
