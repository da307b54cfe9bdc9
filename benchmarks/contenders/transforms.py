"""A view of five expressions in SQL, beside the same view of plain columns and DuckDB's bare projection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq

import featurestore as fs
from benchmarks.data import FEATURES, SCALES
from benchmarks.protocol import Job, Measurement, Run, timed

if TYPE_CHECKING:
    import pyarrow as pa

_PLAIN = FEATURES[:5]
EXPRESSIONS = {
    f"e{i}": f"({name} - {_PLAIN[(i + 1) % 5]}) * 2 + abs({name})" for i, name in enumerate(_PLAIN)
}


def prepare(job: Job) -> Run:
    """Apply the view and read the entity rows; the run computes the training frame."""
    scale = SCALES[job["scale"]]
    source, entity_rows = scale.source(job["order"]), pq.read_table(scale.entity_frame)
    store = fs.FeatureStore(
        registry=f"sqlite:///{Path(job['directory']) / 'registry.db'}",
        online="memory://",
        offline=job["engine"],
    )
    sql = _sql() if job["kind"] == "ours" else ""
    columns = {name: name for name in EXPRESSIONS} if sql else dict(zip(EXPRESSIONS, _PLAIN, strict=True))
    view = _view(source, columns, sql)
    frame = store.get_historical_features(entity_rows, view)
    call: Callable[[], pa.Table] = frame.to_arrow if sql else lambda: _with_projection(frame, source)

    def run(_: Job) -> Measurement:
        table, measured = timed(call)
        return measured | {"rows": table.num_rows}  # the floor's features are other ones

    return run


def _view(source: Path, columns: dict[str, str], sql: str) -> fs.FeatureView:
    rows = fs.ParquetSource(
        "measurements",
        path=str(source),
        event_timestamp="event_timestamp",
        created_timestamp="created_timestamp",
    )
    features = [fs.Feature(name, fs.Float64, column=column) for name, column in columns.items()]
    entity = fs.Entity("customer", join_keys={"entity_id": fs.Int64})
    return fs.FeatureView("view", entities=[entity], source=rows, features=features, sql=sql)


def _sql() -> str:
    listed = ", ".join(f"{expression} AS {name}" for name, expression in EXPRESSIONS.items())
    return f"SELECT entity_id, {listed} FROM {{source}}"


def _with_projection(frame: Any, source: Path) -> pa.Table:
    table: pa.Table = frame.to_arrow()
    listed = ", ".join(f"max({expression})" for expression in EXPRESSIONS.values())
    duckdb.execute(f"SELECT {listed} FROM read_parquet('{source}')").fetchall()
    return table
