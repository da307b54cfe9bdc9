"""The program of the local Snowflake server: fakesnow, and what drivers and the engine need of a server besides.

It runs in an environment of its own (see `tests.servers.snowflake_server`), never in that of the tests::

    python snowflake_app.py PORT

fakesnow translates Snowflake's SQL into DuckDB's. What is added here, of fakesnow 0.12.1:

- what version 5 of the driver expects in the answer to a login, telemetry, and a check of the password;
- ASOF JOIN with MATCH_CONDITION;
- NULL among times in results, which fakesnow makes 1970;
- uploads by PUT, whose address has to say which headers it signs;
- session parameters, warehouses and roles: accepted without effect, but for the time that a statement may take;
- SYSTEM$CANCEL_ALL_QUERIES, and DROP STAGE;
- views in INFORMATION_SCHEMA.TABLES, as Snowflake has them;
- HASH_AGG and SYSTEM$LAST_CHANGE_COMMIT_TIME, which here say what a table holds;
- a warehouse called SUSPENDED, which does not run anything.
"""

from __future__ import annotations

import gzip
import importlib
import itertools
import json
import re
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from string import Template
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
import uvicorn
from fakesnow import arrow, info_schema
from fakesnow.cursor import FakeSnowflakeCursor
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp
from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

# A function of the package has the module's name.
server: Any = importlib.import_module("fakesnow.server")
PASSWORD = "local"
_NOTHING = [r"\s*ALTER\s+SESSION\b", r"\s*(CREATE|USE|DROP)\s+(OR\s+REPLACE\s+)?(WAREHOUSE|ROLE)\b"]
_CANCEL = re.compile(r"\s*SELECT\s+SYSTEM\$CANCEL_ALL_QUERIES\((\d+)\)", re.IGNORECASE)
_DROP_STAGE = re.compile(r"\s*DROP\s+STAGE\s+(?:IF\s+EXISTS\s+)?(\w+)", re.IGNORECASE)
_CHANGED = re.compile(r"SYSTEM\$LAST_CHANGE_COMMIT_TIME\('([^']*)'\)", re.IGNORECASE)
_HASH = re.compile(r"HASH_AGG\(\*\)", re.IGNORECASE)
_HEADERS = (
    *("content-encoding", "host", "x-goog-if-generation-match", "x-goog-meta-encryptiondata"),
    *("x-goog-meta-matdesc", "x-goog-meta-sfc-digest"),
)
_SIGNED = "%3B".join(_HEADERS)
_DAY = 86_400
_TEXTS = {exp.CurrentWarehouse: "LOCAL", exp.CurrentRole: "LOCAL"}
_numbers = itertools.count(1)
_sessions: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_seconds: weakref.WeakKeyDictionary[Any, float] = weakref.WeakKeyDictionary()
_suspended: weakref.WeakSet[Any] = weakref.WeakSet()


async def login(request: Request) -> JSONResponse:
    """The login, which checks the password and says all that drivers ask for."""
    body = await request.body()
    data = json.loads(gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body)
    asked = data["data"]
    if asked.get("PASSWORD") != PASSWORD:
        message = "Incorrect username or password was specified."
        return JSONResponse({"data": {}, "code": "390100", "message": message, "success": False})
    answer = json.loads(bytes((await server.login_request(request)).body))
    token, number = answer["data"]["token"], next(_numbers)
    connection = _sessions[number] = server.sessions[token]
    connection.nop_regexes = [*(connection.nop_regexes or []), *_NOTHING]
    if (request.query_params.get("warehouse") or "").upper() == "SUSPENDED":
        _suspended.add(connection)
    _seconds[connection] = float(asked["SESSION_PARAMETERS"].get("STATEMENT_TIMEOUT_IN_SECONDS") or 0)
    answer["data"] |= {
        "masterToken": token, "validityInSeconds": _DAY, "masterValidityInSeconds": _DAY, "sessionId": number,
        "displayUserName": asked.get("LOGIN_NAME"),
    }  # fmt: skip
    answer["data"]["sessionInfo"] |= {
        "warehouseName": request.query_params.get("warehouse"), "roleName": request.query_params.get("roleName"),
    }  # fmt: skip
    return JSONResponse(answer)


async def accepted(_: Request) -> JSONResponse:
    """What telemetry gets."""
    return JSONResponse({"data": None, "success": True})


def signed(stage_info: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Where a file is uploaded to, with all that drivers look at."""

    def wrapped(*arguments: Any) -> dict[str, Any]:
        found = stage_info(*arguments)
        url = f"{found['presignedUrl']}?X-Goog-SignedHeaders={_SIGNED}"
        more = {
            "region": "us-central1",
            "storageAccount": None,
            "endPoint": None,
            "isClientSideEncrypted": False,
        }
        return {**found, **more, "presignedUrl": url}

    return wrapped


def transformed(transform: Callable[..., exp.Expression]) -> Callable[..., exp.Expression]:
    """Statements with ASOF JOIN as DuckDB writes it, and names of what is not there as texts."""

    def wrapped(self: FakeSnowflakeCursor, expression: exp.Expression, parameters: Any) -> exp.Expression:
        for join in list(expression.find_all(exp.Join)):
            condition = join.args.get("match_condition")
            if condition is not None:
                join.set("match_condition", None)
                join.set("side", "LEFT")
                join.set("on", exp.and_(join.args["on"], condition))
        for kind, text in _TEXTS.items():
            for call in list(expression.find_all(kind)):
                call.replace(exp.Literal.string(text))
        for part in list(expression.find_all(exp.Extract)):
            if part.name.upper() == "NANOSECOND":  # which DuckDB cannot tell of all its times
                digits = f"(MICROSECOND({part.expression.sql('duckdb')}) % 1000000 * 1000)"
                part.replace(sqlglot.parse_one(digits, read="duckdb"))
        for call in list(expression.find_all(exp.CurrentSession)):
            number = next(n for n, session in _sessions.items() if session is self._conn)
            call.replace(exp.Literal.string(str(number)))
        return transform(self, expression, parameters)

    return wrapped


def executed(execute: Callable[..., FakeSnowflakeCursor]) -> Callable[..., FakeSnowflakeCursor]:
    """Statements that end when they are cancelled, or take too long."""

    def wrapped(self: FakeSnowflakeCursor, command: str, *arguments: Any, **more: Any) -> FakeSnowflakeCursor:
        if cancelled := _CANCEL.match(command):
            session = _sessions.get(int(cancelled[1]))
            if session is not None:
                session._duck_conn.interrupt()
            command = "SELECT 'cancelled' AS status"
        command = _CHANGED.sub(r"(SELECT SUM(HASH(s)) FROM \1 AS s)", command)
        command = _HASH.sub("SUM(HASH(s))", command)
        if dropped := _DROP_STAGE.match(command):
            self._duck_conn.execute(
                f"DELETE FROM _fs_global._fs_information_schema._fs_stages WHERE name = upper('{dropped[1]}')"
            )
            command = "SELECT 'dropped' AS status"
        if self._conn in _suspended and " FROM " in command.upper():
            message = "No active warehouse selected in the current session."
            raise ProgrammingError(msg=message, errno=606, sqlstate="57P03")
        with _limited(self._conn) as late:
            try:
                return execute(self, command, *arguments, **more)
            except duckdb.InterruptException as error:
                message = (
                    f"Statement reached its timeout of {_seconds[self._conn]:.0f} second(s) and was canceled."
                )
                errno, text = (630, message) if late.is_set() else (604, "SQL execution canceled")
                raise ProgrammingError(msg=text, errno=errno, sqlstate="57014") from error

    return wrapped


@contextmanager
def _limited(connection: Any) -> Any:
    late, seconds = threading.Event(), _seconds.get(connection, 0)
    if not seconds:
        yield late
        return

    def end() -> None:
        late.set()
        connection._duck_conn.interrupt()

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def with_nulls(times: Any) -> pa.Array:
    """Times as the structs in which Snowflake sends them, null where they are null."""
    times = times.combine_chunks() if isinstance(times, pa.ChunkedArray) else times
    ticks = times.cast(pa.int64())
    epoch = pc.divide(pc.floor_temporal(times, unit="second").cast(pa.int64()), 1_000_000)
    fraction = pc.multiply(pc.subtract(ticks, pc.multiply(epoch, 1_000_000)), 1000).cast(pa.int32())
    parts = {"epoch": epoch, "fraction": fraction}
    if times.type.tz:
        parts["timezone"] = pa.array([1440] * len(times), pa.int32())
    fields = [pa.field(name, part.type) for name, part in parts.items()]
    return pa.StructArray.from_arrays(list(parts.values()), fields=fields, mask=times.is_null())


def nullable(to_schema: Callable[..., pa.Schema]) -> Callable[..., pa.Schema]:
    """A schema whose structs have parts that may be null."""

    def wrapped(schema: pa.Schema, rowtype: Any) -> pa.Schema:
        fields = []
        for field in to_schema(schema, rowtype):
            if pa.types.is_struct(field.type):
                parts = [part.with_nullable(True) for part in field.type]
                fields.append(field.with_type(pa.struct(parts)))
            else:
                fields.append(field)
        return pa.schema(fields)

    return wrapped


def with_views(tables: Template) -> Template:
    """The catalogue of tables with the views."""
    listed = (
        "(SELECT database_name, schema_name, table_name, estimated_size, 'BASE TABLE' AS kind FROM duckdb_tables "
        "UNION ALL SELECT database_name, schema_name, view_name, NULL, 'VIEW' FROM duckdb_views) AS tables"
    )
    made = tables.template.replace("from duckdb_tables tables", f"from {listed}")
    return Template(made.replace("'BASE TABLE' AS \"TABLE_TYPE\"", 'tables.kind AS "TABLE_TYPE"'))


def replaced(handlers: dict[str, Callable[[Request], Awaitable[JSONResponse]]]) -> list[Route]:
    """The server's routes with some of its own."""
    kept = [route for route in server.routes if route.path not in handlers]
    return kept + [Route(path, handler, methods=["POST"]) for path, handler in handlers.items()]


def main(port: int) -> None:
    """Serve until the process is ended."""
    arrow.timestamp_to_sf_struct = with_nulls
    arrow.to_sf_schema = nullable(arrow.to_sf_schema)
    info_schema.SQL_CREATE_INFORMATION_SCHEMA_TABLES_VIEW = with_views(
        info_schema.SQL_CREATE_INFORMATION_SCHEMA_TABLES_VIEW
    )
    server.gcs_stage_info = signed(server.gcs_stage_info)
    FakeSnowflakeCursor._transform = transformed(FakeSnowflakeCursor._transform)
    FakeSnowflakeCursor.execute = executed(FakeSnowflakeCursor.execute)
    routes = replaced({"/session/v1/login-request": login, "/telemetry/send": accepted})
    app = server.Starlette(routes=routes)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]))
