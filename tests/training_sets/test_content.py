"""Content hashes: of values, whatever the batches; and different for every change of one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featurestore.training_sets.content import BLOCK_ROWS, Content, content_of
from featurestore.training_sets.files import SetFolder

COUNT = BLOCK_ROWS + 100
GOLDEN = "33f1bb5b2a15d59dc0251943b8f50b64f575f59f0ab05e0c1f2bfe38b41444bc"
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
VALUES: dict[str, tuple[list[object], pa.DataType]] = {
    "int64": ([2**53 + 1, None, -3], pa.int64()),
    "float64": ([0.5, None, -1.5], pa.float64()),
    "float16": ([0.5, None, -1.5], pa.float16()),
    "bool": ([True, None, False], pa.bool_()),
    "string": (["a", None, ""], pa.string()),
    "large_string": (["ü", None, "b"], pa.large_string()),
    "binary": ([b"a", None, b"\0"], pa.binary()),
    "fixed": ([b"ab", None, b"\0\0"], pa.binary(2)),
    "date": ([date(2024, 1, 1), None, date(1960, 1, 1)], pa.date32()),
    "time": ([time(1), None, time(2)], pa.time64("us")),
    "zoned": ([NOON, None, NOON.replace(hour=1)], pa.timestamp("ns", "Europe/Paris")),
    "decimal": ([Decimal("1.20"), None, Decimal("3.00")], pa.decimal128(10, 2)),
    "list": ([[1, None], None, []], pa.list_(pa.int64())),
    "nested": ([[["a"], None], None, [[]]], pa.list_(pa.list_(pa.string()))),
    "vector": ([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2)),
    "struct": (
        [{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}],
        pa.struct({"a": pa.int64(), "b": pa.string()}),
    ),
    "map": ([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    "dictionary": (["a", None, "b"], pa.dictionary(pa.int32(), pa.string())),
}


def table(name: str) -> pa.Table:
    values, dtype = VALUES[name]
    return pa.table({"x": pa.array(values * (COUNT // 3), dtype)})


@pytest.mark.parametrize("name", VALUES)
def test_batches_slices_and_files_do_not_matter(name: str, tmp_path: Path) -> None:
    rows = table(name)
    expected = content_of(rows.to_batches(), rows.schema)
    assert expected.rows == rows.num_rows
    for size in (1_000, 7_777, BLOCK_ROWS):
        assert content_of(rows.to_batches(max_chunksize=size), rows.schema) == expected
    cut = pa.concat_tables([rows.slice(0, 5), rows]).slice(5)
    assert content_of(cut.to_batches(), rows.schema) == expected
    folder = SetFolder(tmp_path)
    assert folder.write_rows(rows.to_batches(max_chunksize=999), rows.schema) == expected
    with pq.ParquetFile(folder.local(expected.hash)) as file:
        assert file.schema_arrow == rows.schema
        assert content_of(file.iter_batches(), file.schema_arrow) == expected


@pytest.mark.parametrize("name", VALUES)
def test_each_change_of_a_value_changes_the_hash(name: str) -> None:
    rows = table(name)
    expected = content_of(rows.to_batches(), rows.schema)
    values = rows.column(0).to_pylist()
    for position in (0, 1, BLOCK_ROWS - 1, rows.num_rows - 1):
        for other in VALUES[name][0]:
            if values[position] == other:
                continue
            changed = [*values[:position], other, *values[position + 1 :]]
            one = pa.table({"x": pa.array(changed, rows.schema.field(0).type)})
            assert content_of(one.to_batches(), one.schema).hash != expected.hash


def test_names_types_order_and_number_of_rows_count() -> None:
    base = pa.table({"a": [1, 2], "b": [3, 4]})
    others = [
        base.rename_columns(["a", "c"]), base.select(["b", "a"]), base.slice(0, 1), base.slice(0, 0),
        pa.table({"a": pa.array([1, 2], pa.int32()), "b": [3, 4]}), base.select(["a"]),
    ]  # fmt: skip
    hashes = {content_of(rows.to_batches(), rows.schema).hash for rows in (base, *others)}
    assert len(hashes) == 1 + len(others)


def test_nulls_and_empty_values_do_not_run_into_each_other() -> None:
    columns = [["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None], [None, "abc"], ["", "abc"]]
    assert (
        len({content_of(t.to_batches(), t.schema).hash for t in (pa.table({"x": c}) for c in columns)}) == 6
    )


def test_what_lies_under_a_null_does_not_matter() -> None:
    validity = pa.py_buffer(b"\x01")
    one = pa.Array.from_buffers(pa.int64(), 2, [validity, pa.array([1, 2]).buffers()[1]])
    two = pa.Array.from_buffers(pa.int64(), 2, [validity, pa.array([1, 9]).buffers()[1]])
    hashes = {
        content_of(pa.table({"x": c}).to_batches(), pa.schema({"x": pa.int64()})).hash for c in (one, two)
    }
    assert len(hashes) == 1


def test_content_as_json_and_back() -> None:
    rows = pa.table({"a": [1], "b": ["x"]})
    content = content_of(rows.to_batches(), rows.schema)
    assert Content.from_json(content.to_json()) == content


def test_the_hash_stays_the_same_in_all_releases() -> None:
    rows = pa.table({"a": pa.array([1, None], pa.int64()), "b": ["x", "ü"], "c": [[1.5], None]})
    assert content_of(rows.to_batches(), rows.schema).hash == GOLDEN
