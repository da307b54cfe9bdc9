"""Frames as Parquet files: what is written is what was given, in large row groups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featurestore.frames import parquet
from featurestore.frames.parquet import ROW_GROUP_ROWS, write_parquet

TABLE = pa.table(
    {
        "a.b": [1, None],
        "measured": [1.5, float("nan")],
        "names": [["x"], None],
        "vector": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
        "both": [{"count": 1, "share": 0.5}, None],
        "map": pa.array([[("k", 1.0)], []], pa.map_(pa.string(), pa.float64())),
    }
)


def test_every_type_comes_back_and_only_floats_have_no_dictionary(tmp_path: Path) -> None:
    write_parquet(tmp_path / "frame.parquet", TABLE.schema, TABLE.to_batches())
    with pq.ParquetFile(tmp_path / "frame.parquet") as file:
        found, group = file.read(), file.metadata.row_group(0)
    assert found.schema == TABLE.schema
    assert repr(found.to_pylist()) == repr(TABLE.to_pylist())
    columns = [group.column(number) for number in range(group.num_columns)]
    assert {column.path_in_schema: column.has_dictionary_page for column in columns} == {
        "a.b": True,
        "measured": False,
        "names.list.element": True,
        "vector.list.element": False,
        "both.count": True,
        "both.share": False,
        "map.key_value.key": True,
        "map.key_value.value": False,
    }


def test_floats_alone(tmp_path: Path) -> None:
    table = TABLE.select(["measured"])
    write_parquet(tmp_path / "frame.parquet", table.schema, table.to_batches())
    with pq.ParquetFile(tmp_path / "frame.parquet") as file:
        assert not file.metadata.row_group(0).column(0).has_dictionary_page
    write_parquet(tmp_path / "frame.parquet", table.schema, table.to_batches(), use_dictionary=True)
    with pq.ParquetFile(tmp_path / "frame.parquet") as file:
        assert file.metadata.row_group(0).column(0).has_dictionary_page


def test_small_batches_make_large_row_groups_in_order(tmp_path: Path) -> None:
    rows = pa.table({"n": range(3 * ROW_GROUP_ROWS + 5)})
    write_parquet(tmp_path / "frame.parquet", rows.schema, rows.to_batches(max_chunksize=ROW_GROUP_ROWS // 8))
    with pq.ParquetFile(tmp_path / "frame.parquet") as file:
        groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        assert file.read() == rows
    assert groups == [ROW_GROUP_ROWS] * 3 + [5]


def test_nothing_is_a_file_without_rows(tmp_path: Path) -> None:
    write_parquet(tmp_path / "frame.parquet", TABLE.schema, [])
    assert pq.read_table(tmp_path / "frame.parquet") == TABLE.schema.empty_table()


def test_what_fails_while_rows_are_made_or_written_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield from TABLE.to_batches()
        raise RuntimeError("the source is gone")

    with pytest.raises(RuntimeError, match="the source is gone"):
        write_parquet(tmp_path / "frame.parquet", TABLE.schema, broken())
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 1)
    wrong = pa.RecordBatch.from_pydict({"other": [1]})
    with pytest.raises(pa.ArrowInvalid):
        write_parquet(tmp_path / "frame.parquet", TABLE.schema, [wrong])

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(OSError, match="no space left"):
        write_parquet(tmp_path / "frame.parquet", TABLE.schema, TABLE.to_batches() * 9)
