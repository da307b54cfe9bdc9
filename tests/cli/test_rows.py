"""Entity rows typed in: values in the types of the join keys."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

import featurestore as fs
from featurestore.cli.rows import parse_rows
from featurestore.errors import EntityDataError, NotFoundError
from featurestore.planning.request import Request, resolve_request


def request(*views: fs.FeatureView | fs.ViewReference) -> Request:
    return resolve_request(list(views), None, full_feature_names=True)


def view(**join_keys: fs.FeatureType) -> fs.FeatureView:
    entities = [fs.Entity("thing", join_keys=join_keys)] if join_keys else []
    source = fs.ParquetSource("things", path="things.parquet", event_timestamp="at")
    return fs.FeatureView("of_things", entities=entities, source=source, features=[fs.Feature("x", fs.Int64)])


@pytest.mark.parametrize(
    ("dtype", "text", "value"),
    [
        (fs.Int64, "9007199254740993", 2**53 + 1),
        (fs.UInt8, "0", 0),
        (fs.String, "5", "5"),
        (fs.String, "", ""),
        (fs.String, "a=b,c", "a=b,c"),
        (fs.Bytes, "00ff", b"\x00\xff"),
        (fs.Bool, "true", True),
        (fs.Date, "2024-02-29", date(2024, 2, 29)),
        (fs.Timestamp, "2024-02-29T12:00:00Z", datetime(2024, 2, 29, 12, tzinfo=UTC)),
    ],
)
def test_a_value_has_the_type_of_its_key(dtype: fs.FeatureType, text: str, value: Any) -> None:
    (row,) = parse_rows([f"key={text}"], request(view(key=dtype)))
    assert row == {"key": value}
    assert type(row["key"]) is type(value)


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        (fs.Int64, "5.0"),
        (fs.Int64, ""),
        (fs.Bytes, "xyz"),
        (fs.Bool, "yes"),
        (fs.Date, "29.2."),
        (fs.Timestamp, "now"),
    ],
)
def test_a_value_of_another_type(dtype: fs.FeatureType, text: str) -> None:
    with pytest.raises(EntityDataError, match=f"'key': expected {dtype}, found"):
        parse_rows([f"key={text}"], request(view(key=dtype)))


def test_several_keys_and_several_rows() -> None:
    route = request(view(origin=fs.String, dest=fs.String))
    assert parse_rows(["origin=JFK,dest=LAX", "dest=a,b,origin=x=y"], route) == [
        {"origin": "JFK", "dest": "LAX"},
        {"dest": "a,b", "origin": "x=y"},
    ]
    with pytest.raises(EntityDataError, match=r"lacks the join key 'dest'\.\nHint: One -e is one entity"):
        parse_rows(["origin=JFK", "dest=LAX"], route)


def test_keys_are_named_as_the_request_renames_them() -> None:
    things = view(thing_id=fs.Int64)
    both = request(things, things.alias("other").with_join_keys({"thing_id": "other_id"}))
    assert parse_rows(["thing_id=1,other_id=2"], both) == [{"thing_id": 1, "other_id": 2}]
    with pytest.raises(NotFoundError, match="'id'"):
        parse_rows(["id=1"], both)


def test_views_without_entities_need_no_keys() -> None:
    assert parse_rows([], request(view())) == [{}]
    with pytest.raises(NotFoundError):
        parse_rows(["key=1"], request(view()))
    with pytest.raises(typer.BadParameter, match="key=…"):
        parse_rows([], request(view(key=fs.Int64)))


def test_text_keys_of_a_csv_file_stay_text(tmp_path: Path) -> None:
    from featurestore.cli.rows import read_table

    class Views:
        def read(self, names: object) -> None:
            """All is there already."""

        def view(self, name: str, version: int | None) -> fs.FeatureView:
            return view(key=fs.String)

        def service(self, name: str) -> None:
            return None

    (tmp_path / "rows.csv").write_text('key,x\n007,1\n,2\n"",3\n')
    table = read_table(tmp_path / "rows.csv", ["of_things"], Views())  # type: ignore[arg-type]
    assert table.column("key").to_pylist() == ["007", None, ""]
