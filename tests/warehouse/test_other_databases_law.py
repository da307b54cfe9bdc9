"""Rule 9 over DuckDB files and over SQLAlchemy: the same generated cases, the same answers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from featurestore.definitions.database import DuckDBSource, SqlSource
from featurestore.definitions.source import Source
from featurestore.errors import SourceError
from featurestore.sources.arrow import source_schema
from featurestore.testing.judge import check_historical, check_latest
from featurestore.testing.strategies import Case, cases, window_cases
from featurestore.testing.strategies.tables import table_for_database
from tests.engines.available import ENGINES, make_engine
from tests.warehouse.loading import load_table, roles_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
some = settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@pytest.fixture(params=ENGINES, scope="module")
def engine(request):
    return make_engine(request.param)


def check(engine, case: Case, store: Callable[[pa.Table], Source]) -> None:
    table = table_for_database(case)
    assume(table is not None)
    stored = case.with_source(store(table))
    try:
        check_historical(engine, stored)
        check_latest(engine, stored)
    except SourceError as error:
        # Such as an array, of which SQLAlchemy does not say what it holds.
        if "does not convert to" not in error.message:
            raise
        assume(False)


@some
@given(case=st.one_of(cases(), cases(), window_cases()))
def test_engines_over_duckdb_files_are_the_oracle(engine, case: Case):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.duckdb"

        def store(table: pa.Table) -> DuckDBSource:
            with duckdb.connect(path) as connection:
                connection.register("given", table)
                connection.execute("CREATE TABLE rows AS FROM given")
            return DuckDBSource(case.source.name, path=path, table="rows", **roles_of(case.source))

        check(engine, case, store)


@pytest.mark.postgres
@some
@given(case=st.one_of(cases(), cases(), window_cases()), as_query=st.booleans())
def test_engines_over_sqlalchemy_are_the_oracle(
    engine, sqlalchemy_url: str, shared_warehouse: str, case: Case, as_query
):
    def store(table: pa.Table) -> SqlSource:
        name = load_table(shared_warehouse, table)
        rows: dict[str, Any] = {"query": f'SELECT * FROM "{name}"'} if as_query else {"table": f'"{name}"'}
        source = SqlSource(case.source.name, url="${SQLALCHEMY_URL}", **rows, **roles_of(case.source))
        # A query's columns are what the values of its rows are: where there are none, that is not known.
        assume(not as_query or pa.types.is_timestamp(source_schema(source).field("at").type))
        return source

    check(engine, case, store)
