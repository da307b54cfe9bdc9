"""A checksum over rows in no order: what a training set records of a source that cannot say in which state it is.

Every row is taken as text and hashed (MD5), the hashes are added up in two halves, and SHA-256 is taken over the
sums, the count and the types. Whoever changes, adds or removes rows changes it, short of doing so on purpose.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from featurestore.definitions.base import canonical_json
from featurestore.training_sets.content import type_text

_SUMS = """
SELECT count(*), coalesce(sum(md5_number_lower(line)::HUGEINT), 0), coalesce(sum(md5_number_upper(line)::HUGEINT), 0)
FROM (SELECT CAST(rows_in AS VARCHAR) AS line FROM rows_in)
"""


@dataclass(frozen=True, slots=True)
class RowChecksum:
    """What rows hold, in whatever order they come.

    Attributes:
        rows: how many there are.
        digest: over their values and types.
    """

    rows: int
    digest: str


def row_checksum(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> RowChecksum:
    """The checksum of all rows of some batches."""
    import duckdb

    rows, low, high = 0, 0, 0
    # The order of columns is that of the request, which is no property of the rows.
    names = sorted(schema.names)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for batch in batches:
            if batch.num_rows:
                connection.register("rows_in", pa.Table.from_batches([batch]).select(names))
                counted = connection.execute(_SUMS).fetchall()[0]
                rows, low, high = rows + counted[0], low + int(counted[1]), high + int(counted[2])
    types = {name: type_text(schema.field(name).type) for name in names}
    whole = canonical_json({"rows": rows, "low": str(low), "high": str(high), "types": types})
    return RowChecksum(rows, hashlib.sha256(whole.encode()).hexdigest())
