"""Training frames that stay in the database, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from featurestore.errors import RequestError
from featurestore_connectors.names import quoted
from featurestore_connectors.push_down import match, windows
from featurestore_connectors.push_down.rows import sent_rows

if TYPE_CHECKING:
    from featurestore.protocols.offline import ViewPlan
    from featurestore_connectors.push_down.dialect import Columns, Dialect, Lookup, Session

_ROWS = "fs_rows"


def store(
    session: Session,
    dialect: Dialect,
    views: Sequence[tuple[ViewPlan, Columns, Lookup | None]],
    *,
    entities: pa.Table,
    rows: pa.Table,
    outputs: Sequence[str],
    name: str,
    replace: bool,
) -> None:
    """Make a table of a frame in one transaction or statement; see `WritesTables`."""
    sent: dict[str, Any] = {"nr": pa.array(np.arange(rows.num_rows, dtype=np.int64))}
    listed = []
    for i, (field, column) in enumerate(zip(rows.schema, rows.columns, strict=True)):
        found = dialect.sent_column(column, f"r.c{i}")
        if found is None:
            raise RequestError(
                f"Column {field.name!r} of the entity rows is {field.type}, which has no type in the database.",
                hint="Leave it out, or turn it into text.",
            )
        sent[f"c{i}"], expression = found
        listed.append(f"{expression} AS {quoted(dialect.column_name(field.name))}")
    session.stage(_ROWS, pa.table(sent))
    values: dict[str, str] = {}
    parts = []
    for i, (view, columns, lookup) in enumerate(views):
        table = f"fs_entities_{i}"
        asked, wanted = sent_rows(view, entities, dialect)
        session.stage(table, asked)
        found_rows = match.Rows(view, columns, wanted, dialect, table, lookup=lookup)
        frame = (windows if view.windows else match).numbered_frame(found_rows)
        parts.append(f"JOIN (\n{frame}\n) AS v{i} ON v{i}.nr = r.nr")
        values |= _values(dialect, view, columns, f"v{i}")
    listed += [f"{values[output]} AS {quoted(dialect.column_name(output))}" for output in outputs]
    joins = "\n".join(parts)
    session.create_table(
        dialect.table_name(name), f"SELECT {', '.join(listed)}\nFROM {_ROWS} AS r\n{joins}", replace=replace
    )


def _values(dialect: Dialect, view: ViewPlan, columns: Columns, alias: str) -> Mapping[str, str]:
    """Each feature of a view as it is stored."""
    zone = view.source.timezone
    return {
        f.output: dialect.stored(f"{alias}.f{i}", None if view.windows else columns[f.column], f.dtype, zone)
        for i, f in enumerate(view.features)
    }
