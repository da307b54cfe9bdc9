"""Files, awkward names, and sources that cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featurestore.definitions.entity import Entity
from featurestore.definitions.feature import Feature
from featurestore.definitions.source import CSVSource, InMemorySource, ParquetSource
from featurestore.definitions.types import Bool, Date, Float64, Int64, String, Timestamp
from featurestore.definitions.view import FeatureView
from featurestore.errors import SourceError
from featurestore.protocols.offline import OfflineEngine
from featurestore.testing.engine_suite.base import HOUR, NOON, ask, at, make_view, rows, to_table
from featurestore.testing.plans import plan_view

AWKWARD = [
    "X", "rowid", "file_row_number", "filename", "index", "row_nr", "order", "select", "literal", "value", "count",
    "event_timestamp", "key", "time", "t", "s", "e", "__index_level_0__",
]  # fmt: skip
COLUMNS = [
    "x y",
    'q"uo',
    "it's",
    "a.b",
    "a;b--",
    "größe",
    "{x}",
    "%s",
    "$1",
    "^x$",
    "*",
    "x\ny",
    "Ａ",
    "SELECT",
]


def parquet_view(path: str | list[str], **source: Any) -> FeatureView:
    return FeatureView(
        "v",
        entities=[Entity("e", join_keys={"k": Int64})],
        source=ParquetSource("s", path=path, event_timestamp="at", **source),
        features=[Feature("x", Int64)],
    )


class StorageCases:
    """Where rows are kept makes no difference."""

    def test_several_parquet_files_and_row_groups(self, engine: OfflineEngine, tmp_path: Path) -> None:
        data = to_table(rows(*((i % 3, NOON + HOUR * (i % 5), i) for i in range(30))))
        for part in range(3):
            pq.write_table(data.slice(part * 10, 10), tmp_path / f"{part}.parquet", row_group_size=3)
        stored, held = parquet_view(str(tmp_path / "*.parquet")), make_view(data)
        asked = [*at(NOON + HOUR, NOON + 9 * HOUR), *at(NOON, NOON + 3 * HOUR, k=2), *at(NOON, k=None)]
        assert ask(engine, stored, asked) == ask(engine, held, asked)

    def test_a_list_of_files_and_ties_across_them(self, engine: OfflineEngine, tmp_path: Path) -> None:
        paths = [str(tmp_path / f"{i}.parquet") for i in range(3)]
        for path, value in zip(paths, [5, 7, 6], strict=True):
            pq.write_table(to_table(rows((1, NOON, value))), path)
        assert ask(engine, parquet_view(paths), at(NOON)) == {"x": [7]}
        assert ask(engine, parquet_view(paths[::-1]), at(NOON)) == {"x": [7]}

    def test_files_with_their_columns_in_another_order(self, engine: OfflineEngine, tmp_path: Path) -> None:
        pq.write_table(to_table(rows((1, NOON, 5))), tmp_path / "a.parquet")
        turned = to_table(rows((2, NOON, 6))).select(["x", "at", "k"])
        pq.write_table(turned, tmp_path / "b.parquet")
        view = parquet_view(str(tmp_path / "*.parquet"))
        assert ask(engine, view, [*at(NOON), *at(NOON, k=2)]) == {"x": [5, 6]}

    def test_files_whose_integers_are_of_different_widths(
        self, engine: OfflineEngine, tmp_path: Path
    ) -> None:
        for name, dtype, key in [("a", pa.int32(), 1), ("b", pa.int64(), 2)]:
            table = pa.table(
                {"k": pa.array([key], dtype), "at": pa.array([NOON]), "x": pa.array([key], dtype)}
            )
            pq.write_table(table, tmp_path / f"{name}.parquet")
        view = parquet_view(str(tmp_path / "*.parquet"))
        assert ask(engine, view, [*at(NOON), *at(NOON, k=2)]) == {"x": [1, 2]}

    def test_hive_partitions(self, engine: OfflineEngine, tmp_path: Path) -> None:
        for region in ("eu", "us"):
            folder = tmp_path / f"region={region}"
            folder.mkdir()
            pq.write_table(to_table(rows((1, NOON, len(region)))), folder / "a.parquet")
        view = FeatureView(
            "v",
            entities=[Entity("e", join_keys={"k": Int64, "region": String})],
            source=ParquetSource(
                "s", path=str(tmp_path / "**" / "*.parquet"), event_timestamp="at", hive_partitioning=True
            ),
            features=[Feature("x", Int64)],
        )
        asked = [{"k": 1, "region": region, "event_timestamp": NOON} for region in ("us", "eu", "de")]
        assert ask(engine, view, asked) == {"x": [2, 2, None]}

    def test_csv(self, engine: OfflineEngine, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text(
            "k,at,s,f,b,d,t\n"
            '1,2024-05-01T12:00:00Z,"",-0.0,true,2024-01-31,2024-05-01T12:00:00.000001Z\n'
            "2,2024-05-01T12:00:00Z,,,,,\n"
            '3,2024-05-01T12:00:00Z,"a,""b""\nc",nan,false,1969-12-31,1969-12-31T23:59:59Z\n'
        )
        features = {"s": String, "f": Float64, "b": Bool, "d": Date, "t": Timestamp}
        view = FeatureView(
            "v",
            entities=[Entity("e", join_keys={"k": Int64})],
            source=CSVSource("s", path=str(path), event_timestamp="at"),
            features=[Feature(name, dtype) for name, dtype in features.items()],
        )
        found = ask(engine, view, [*at(NOON), *at(NOON, k=2), *at(NOON, k=3)])
        assert found["s"] == ["", None, 'a,"b"\nc']
        assert str(found["f"]) == "[-0.0, None, nan]"
        assert found["b"] == [True, None, False]
        assert [str(value) for value in found["d"]] == ["2024-01-31", "None", "1969-12-31"]
        assert [value and value.microsecond for value in found["t"]] == [1, None, 0]

    def test_csv_keys_that_look_like_numbers_in_one_file_only(
        self, engine: OfflineEngine, tmp_path: Path
    ) -> None:
        for file, key in [("a", "A1"), ("b", "012"), ("c", "NaN")]:
            (tmp_path / f"{file}.csv").write_text(f"k,at,x\n{key},2024-05-01T12:00:00Z,{ord(file)}\n")
        view = FeatureView(
            "v",
            entities=[Entity("e", join_keys={"k": String})],
            source=CSVSource("s", path=str(tmp_path / "*.csv"), event_timestamp="at"),
            features=[Feature("x", Int64)],
        )
        asked = [{"k": key, "event_timestamp": NOON} for key in ("012", "12", "A1", "NaN")]
        assert ask(engine, view, asked) == {"x": [ord("b"), None, ord("a"), ord("c")]}

    @pytest.mark.parametrize(
        "ids", [("12345678901234567890", "12345678901234567891"), ("1", "01"), ("A", "a")]
    )
    def test_csv_event_ids_are_equal_as_they_are_written(
        self, engine: OfflineEngine, tmp_path: Path, ids: tuple[str, str]
    ) -> None:
        (tmp_path / "a.csv").write_text(
            "k,at,id,made,x\n"
            f"1,2024-05-01T12:00:00Z,{ids[0]},2024-05-01T12:00:00Z,1\n"
            f"1,2024-05-01T11:00:00Z,{ids[1]},2024-05-01T13:00:00Z,2\n"
        )
        view = FeatureView(
            "v",
            entities=[Entity("e", join_keys={"k": Int64})],
            source=CSVSource(
                "s",
                path=str(tmp_path / "a.csv"),
                event_timestamp="at",
                created_timestamp="made",
                event_id="id",
            ),
            features=[Feature("x", Int64)],
        )
        assert ask(engine, view, at(NOON)) == {"x": [1]}

    @pytest.mark.parametrize("stored", [False, True], ids=["in memory", "parquet"])
    @pytest.mark.parametrize("name", AWKWARD)
    def test_a_column_may_be_called_anything(
        self, engine: OfflineEngine, tmp_path: Path, name: str, stored: bool
    ) -> None:
        table = to_table(rows((1, NOON, 5, 6), (1, NOON, 5, 7), columns=("k", "at", "x", name)))
        path = tmp_path / "a.parquet"
        pq.write_table(table, path)
        source = (
            ParquetSource("s", path=str(path), event_timestamp="at")
            if stored
            else InMemorySource("s", data=table, event_timestamp="at")
        )
        view = make_view(table).model_copy(
            update={"source": source, "features": (Feature("x", Int64), Feature(name, Int64))}
        )
        assert ask(engine, view, at(NOON)) == {"x": [5], name: [7]}

    @pytest.mark.parametrize("stored", [False, True], ids=["in memory", "parquet"])
    @pytest.mark.parametrize("name", COLUMNS)
    def test_keys_times_and_features_in_awkward_columns(
        self, engine: OfflineEngine, tmp_path: Path, name: str, stored: bool
    ) -> None:
        key, event, column = f"k{name}", f"t{name}", f"c{name}"
        table = to_table(rows((1, NOON, 5), (2, NOON, 6), columns=(key, event, column)))
        pq.write_table(table, tmp_path / "a.parquet")
        source = (
            ParquetSource("s", path=str(tmp_path / "a.parquet"), event_timestamp=event)
            if stored
            else InMemorySource("s", data=table, event_timestamp=event)
        )
        view = FeatureView(
            "v",
            entities=[Entity("e", join_keys={key: Int64})],
            source=source,
            features=[Feature("x", Int64, column=column)],
        )
        asked = [{f"e{name}": k, "event_timestamp": NOON} for k in (2, 1)]
        assert ask(engine, plan_view(view, join_keys={key: f"e{name}"}), asked) == {"x": [6, 5]}

    @pytest.mark.parametrize("stored", [False, True], ids=["in memory", "parquet"])
    def test_names_that_differ_only_in_case(
        self, engine: OfflineEngine, tmp_path: Path, stored: bool
    ) -> None:
        table = to_table(rows((1, 2, NOON, 5, 6), (2, 1, NOON, 7, 8), columns=("k", "K", "at", "x", "X")))
        pq.write_table(table, tmp_path / "a.parquet")
        source = (
            ParquetSource("s", path=str(tmp_path / "a.parquet"), event_timestamp="at")
            if stored
            else InMemorySource("s", data=table, event_timestamp="at")
        )
        view = FeatureView(
            "v",
            entities=[Entity("e", join_keys={"k": Int64, "K": Int64})],
            source=source,
            features=[Feature("x", Int64), Feature("X", Int64)],
        )
        asked = [{"k": a, "K": b, "event_timestamp": NOON} for a, b in [(2, 1), (1, 2), (1, 1)]]
        assert ask(engine, view, asked) == {"x": [7, 5, None], "X": [8, 6, None]}

    def test_one_column_as_key_event_and_feature(self, engine: OfflineEngine) -> None:
        table = to_table(rows((1, NOON), columns=("k", "at")))
        view = FeatureView(
            "v",
            entities=[Entity("e", join_keys={"k": Int64})],
            source=InMemorySource("s", data=table, event_timestamp="at"),
            features=[
                Feature("a", Int64, column="k"),
                Feature("b", Timestamp, column="at"),
                Feature("c", Int64, column="k"),
            ],
        )
        assert ask(engine, view, at(NOON)) == {"a": [1], "b": [NOON], "c": [1]}

    def test_a_missing_file(self, engine: OfflineEngine, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="no-such"):
            ask(engine, parquet_view(str(tmp_path / "no-such.parquet")), at(NOON))

    def test_a_broken_file(self, engine: OfflineEngine, tmp_path: Path) -> None:
        path = tmp_path / "broken.parquet"
        path.write_bytes(b"PAR1 this is no Parquet file PAR1")
        with pytest.raises(SourceError, match="'s'"):
            ask(engine, parquet_view(str(path)), at(NOON))

    def test_a_missing_column(self, engine: OfflineEngine, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        pq.write_table(to_table(rows((1, NOON, 5), columns=("k", "at", "y"))), path)
        with pytest.raises(SourceError, match="x"):
            ask(engine, parquet_view(str(path)), at(NOON))

    def test_a_vector_of_another_length_is_an_error(self, engine: OfflineEngine) -> None:
        from featurestore.definitions.types import Vector

        table = pa.table({
            "k": [1], "at": pa.array([NOON]), "x": pa.array([[1.0, 2.0, 3.0]], pa.list_(pa.float32()))
        })  # fmt: skip
        with pytest.raises(SourceError, match="x"):
            ask(engine, make_view(table, features={"x": Vector(2)}), at(NOON))

    def test_the_plan_is_explained_in_words(self, engine: OfflineEngine, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        pq.write_table(to_table(rows((1, NOON, 5))), path)
        assert engine.explain(views=[plan_view(parquet_view(str(path)))]).strip()

    def test_a_query_keeps_its_order(self, engine: OfflineEngine, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        pq.write_table(to_table(rows(*((i, NOON, i) for i in range(1000)))), path)
        source = ParquetSource("trips", path=str(path), event_timestamp="at")
        found = engine.query(sql="SELECT k FROM trips ORDER BY k % 10 DESC, k", sources={"trips": source})
        assert found.column("k").to_pylist() == sorted(range(1000), key=lambda k: (-(k % 10), k))

    def test_a_query_that_is_refused(self, engine: OfflineEngine) -> None:
        with pytest.raises(SourceError):
            engine.query(sql="SELEC nothing", sources={})
