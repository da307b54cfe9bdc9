"""The page on expectations: its code runs, and its numbers are those of the code."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.errors import ExpectationError
from featurestore.expectations.files import MOST_FILES
from featurestore.expectations.kept import MOST_KEPT
from featurestore.monitoring.suggest import ENOUGH_ROWS, ROWS_PER_VALUE
from tests.cli.conftest import CommandLine

PAGE = (Path(__file__).parents[2] / "docs" / "expectations.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
NOW = datetime.now(UTC)


def test_the_code_runs_from_top_to_bottom(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = pa.table(
        {
            "card_id": list(range(200)),
            "at": pa.array([NOW - timedelta(minutes=n) for n in range(200)], pa.timestamp("us", "UTC")),
            "amount": [float(n) for n in range(200)],
            "currency": ["EUR", "USD"] * 100,
        }
    )
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/registry.db", online="memory://") as store:
        names: dict[str, object] = {
            "fs": fs, "store": store, "card": fs.Entity("card", join_keys={"card_id": fs.Int64}),
            "payments_rows": fs.InMemorySource("payments_rows", data=rows, event_timestamp="at"),
            "entity_rows": [{"card_id": n, "event_timestamp": NOW} for n in range(100)],
        }  # fmt: skip
        exec(BLOCKS[0], names)
        assert store.check_expectations("payments").passed
        late = rows.set_column(2, "amount", pa.array([float(-n) for n in range(200)]))
        store.project.bind_memory([fs.InMemorySource("payments_rows", data=late, event_timestamp="at")])
        with pytest.raises(ExpectationError):
            store.materialize()
        exec(BLOCKS[1], names)
        assert "value_range:amount" in capsys.readouterr().out
        store.project.bind_memory([fs.InMemorySource("payments_rows", data=rows, event_timestamp="at")])
        store.materialize()
        for block in BLOCKS[2:]:
            exec(block, names)
        assert "fs.AllowedValues('currency', ['EUR', 'USD'], on_failure='warn')" in capsys.readouterr().out


def test_every_expectation_is_in_the_table() -> None:
    named = set(re.findall(r"^\| `(\w+)\(", PAGE, re.MULTILINE))
    kinds = {each.__name__ for each in fs.Expectation.__subclasses__()}
    assert named == kinds


def test_the_numbers_are_those_of_the_code() -> None:
    flat = " ".join(PAGE.split())
    assert f"up to {MOST_KEPT:,} rows" in flat
    assert f"the last {MOST_FILES} of each version" in flat
    assert f"At least {ENOUGH_ROWS} rows" in flat
    assert f"at least {ROWS_PER_VALUE} of each value" in flat


def test_the_commands_exist() -> None:
    for words in re.findall(r"^featurestore (expectations [a-z-]+)", PAGE, re.MULTILINE):
        assert "Usage" in CommandLine().text(*words.split(), "--help")
