"""One DuckDB connection per call: configured, with nothing from outside, gone without a trace afterwards."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Container, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import astuple
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import duckdb
import pyarrow as pa

from featurestore.engines.duckdb.sql import text
from featurestore.engines.duckdb.tables import Tables
from featurestore.errors import ConfigurationError, FeatureStoreError, SourceError
from featurestore.frames.collected import Collected

if TYPE_CHECKING:
    import numpy.typing as npt

BATCH_ROWS = 122_880
_WRITE_FAILED = "Could not write file"
_OUT_OF_MEMORY = "Out of Memory Error"
_OUT_OF_RANGE = "out of range: "


def out_of_range(what: str) -> str:
    """SQL that fails when it is evaluated, because the column `what` holds a time that cannot be counted.

    `reported` makes a readable error of it.
    """
    return f"error({text(_OUT_OF_RANGE + what)})"


class Session:
    """An in-memory database for one call, and the folder that it may spill to.

    Args:
        memory_limit: of DuckDB, such as ``"4GB"``.
        threads: how many DuckDB uses.
        temp_directory: where to spill to.

    Raises:
        ConfigurationError: if DuckDB refuses a setting.
    """

    def __init__(self, *, memory_limit: str | None, threads: int | None, temp_directory: Path | None) -> None:
        self._settings: dict[str, Any] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            **({} if memory_limit is None else {"memory_limit": memory_limit}),
            **({} if threads is None else {"threads": threads}),
        }
        self.threads = threads or os.cpu_count() or 1
        self._temp_directory = temp_directory
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        with self._exit as exit_stack:
            folder = exit_stack.enter_context(
                tempfile.TemporaryDirectory(prefix="featurestore-", dir=self._temp_directory)
            )
            try:
                self._connection = duckdb.connect(
                    ":memory:", config={**self._settings, "temp_directory": folder}
                )
            except duckdb.Error as error:
                raise ConfigurationError(
                    f"DuckDB refuses its settings: {error}",
                    hint="memory_limit is a text such as '4GB', threads a number of at least 1.",
                ) from error
            exit_stack.callback(self._connection.close)
            self._connection.execute("SET TimeZone = 'UTC'")
            self._exit = exit_stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._exit.close()
        if error is not None and (_is_interrupt(error) or _is_interrupt(error.__cause__)):
            raise KeyboardInterrupt from error

    def register(self, table: str, rows: pa.Table) -> None:
        """Let queries of this session read an Arrow table."""
        self._connection.register(table, rows)

    def store(self, table: str, rows: pa.RecordBatchReader) -> None:
        """Make a table of a stream, which is spilled to disk where it does not fit into memory.

        The stream is read by the calling thread, so that its errors and Ctrl-C arrive as what they are.
        """
        stream = f"{table}stream"
        self.register(stream, rows.schema.empty_table())
        self.run(f"CREATE TABLE {table} AS FROM {stream}")
        for batch in rows:
            self.register(stream, pa.table(batch))
            self.run(f"INSERT INTO {table} FROM {stream}")
        self._connection.unregister(stream)

    def run(self, *statements: str) -> None:
        """Run statements that return nothing."""
        for statement in statements:
            self._connection.execute(statement)

    def keep(self, tables: Tables, kept: Container[str]) -> None:
        """Give back the memory of all of a view's tables but some."""
        existing = self._connection.sql(
            "SELECT table_name, table_type FROM information_schema.tables WHERE list_contains(?, table_name)",
            params=[list(astuple(tables))],
        )
        # Views first: they read the tables.
        for table, kind in sorted(existing.fetchall(), key=lambda row: str(row[1]) != "VIEW"):
            if table not in kept:
                self.run(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} {table}")

    def memory_limit(self) -> int:
        """How many bytes DuckDB may take."""
        return int(
            self.row("SELECT parse_formatted_bytes(current_setting('memory_limit')) AS bytes")["bytes"]
        )

    def row(self, sql: str) -> dict[str, Any]:
        """The only row of a query."""
        found: dict[str, Any] = self._connection.sql(sql).to_arrow_table().to_pylist()[0]
        return found

    def table(self, sql: str) -> pa.Table:
        """The rows of a query, in memory."""
        return self._connection.sql(sql).to_arrow_table()

    def collect(self, sql: str, *, at_most: int) -> dict[str, Collected]:
        """The columns of a query of so many rows at most."""
        reader = self._connection.sql(sql).to_arrow_reader(BATCH_ROWS)
        columns = {field.name: Collected(field.type, at_most) for field in reader.schema}
        for batch in reader:
            for collected, part in zip(columns.values(), batch.columns, strict=True):
                collected.add(part)
        return columns

    def columns(self, sql: str, *, at_most: int) -> dict[str, npt.NDArray[Any]]:
        """The same of a query whose columns are all numbers without nulls, as arrays that may be overwritten."""
        return {name: column.numbers() for name, column in self.collect(sql, at_most=at_most).items()}

    def first(self, sql: str) -> dict[str, Any] | None:
        """The row of a query that returns one at most."""
        rows: list[dict[str, Any]] = self._connection.sql(sql).to_arrow_table().to_pylist()
        return rows[0] if rows else None

    def query(self, sql: str) -> pa.Table:
        """The rows of a user's query.

        Raises:
            SourceError: if DuckDB refuses it, or it is anything but one query.
        """
        try:
            kinds = [statement.type for statement in self._connection.extract_statements(sql)]
            if kinds == [duckdb.StatementType.SELECT]:
                return self._connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise SourceError(
                f"DuckDB refuses the SQL: {error}",
                hint="Sources are tables under their names; the engine's dialect of SQL applies.",
            ) from error
        raise SourceError(
            "The SQL is not one query.",
            hint="Write one SELECT statement, without others before or after it.",
        )

    def reader(self, sql: str, *, alone: bool = False) -> pa.RecordBatchReader:
        """The rows of a query over tables of this session, while other queries go on.

        Args:
            sql: the query.
            alone: whether none do; then it may read what was registered, too.
        """
        if alone:
            return self._connection.sql(sql).to_arrow_reader(BATCH_ROWS)
        cursor = self._connection.cursor()
        self._exit.callback(cursor.close)
        cursor.execute("SET TimeZone = 'UTC'")
        return cursor.sql(sql).to_arrow_reader(BATCH_ROWS)


@contextmanager
def reported(source: str) -> Iterator[None]:
    """Translate DuckDB's errors, and Arrow's about DuckDB's streams, into the library's.

    Raises:
        SourceError: naming the source.
        ConfigurationError: if DuckDB ran out of its memory, or of the disk that it spills to.
    """
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        # Within a stream, Arrow passes it on as an error of its own.
        if isinstance(error, duckdb.OutOfMemoryException) or _OUT_OF_MEMORY in str(error):
            raise ConfigurationError(
                f"Source {source!r}: DuckDB ran out of memory: {_first_line(error)}",
                hint="Raise the engine's memory_limit, lower its threads, or free disk space in its temp_directory.",
            ) from error
        if _WRITE_FAILED in str(error):  # sources are only read: what is written are its own temporary files
            raise ConfigurationError(
                f"Source {source!r}: DuckDB could not spill to its temp_directory: {_first_line(error)}",
                hint="Free disk space there, name another temp_directory, or raise the engine's memory_limit.",
            ) from error
        raise _translated(source, error) from error


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether an error is what DuckDB made of Ctrl-C: of its own, or of one within Arrow's streams."""
    if isinstance(error, duckdb.Error):
        return "KeyboardInterrupt" in str(error)
    return isinstance(error, RuntimeError) and str(error) == "Query interrupted"


def _translated(source: str, error: Exception) -> FeatureStoreError:
    _, marked, what = _first_line(error).partition(_OUT_OF_RANGE)
    if marked:
        return SourceError(
            f"Source {source!r}: {what} holds a time that is infinite or too far away to be counted in microseconds.",
            hint="Replace it by null or by a real time.",
        )
    return SourceError(
        f"Source {source!r} could not be read: {_first_line(error)}",
        hint="Check that its files are whole, and that its values are of the declared types.",
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
