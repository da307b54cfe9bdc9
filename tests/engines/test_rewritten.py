"""Files that are rewritten while they are read: never a mixture of two contents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.definitions.instants import to_microseconds
from featurestore.errors import SourceUnavailableError
from featurestore.protocols.offline import OfflineEngine, ViewPlan
from featurestore.sources import unchanged
from featurestore.testing.plans import entity_table, plan_view, run_historical, run_latest, run_visible
from tests.engines.available import ENGINES, make_engine

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
LATER = to_microseconds(NOON + timedelta(hours=1), what="an instant")


def rows(delay: float) -> pa.Table:
    at = pa.array([NOON] * 3, pa.timestamp("us", "UTC"))
    return pa.table({"tailnum": [1, 2, 3], "at": at, "delay": [delay] * 3})


@pytest.fixture(params=["parquet", "csv"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"rows.{request.param}"
    write(path, rows(1.0))
    return path


def write(path: Path, table: pa.Table) -> None:
    if path.suffix == ".csv":
        pa_csv.write_csv(table, path)
    else:
        pq.write_table(table, path)


def plan_over(file: Path) -> ViewPlan:
    kind = fs.CSVSource if file.suffix == ".csv" else fs.ParquetSource
    source = kind("arrivals", path=f"{file.parent}/*{file.suffix}", event_timestamp="at")
    entity = fs.Entity("plane", join_keys={"tailnum": fs.Int64})
    return plan_view(
        fs.FeatureView(
            "punctuality", entities=[entity], source=source, features=[fs.Feature("delay", fs.Float64)]
        )
    )


def historical(engine: OfflineEngine, plan: ViewPlan) -> pa.Table:
    asked = [{"tailnum": number, "event_timestamp": NOON} for number in (1, 2)]
    return run_historical(engine, [plan], entity_table([plan], asked))


def latest(engine: OfflineEngine, plan: ViewPlan) -> pa.Table:
    return run_latest(engine, plan, at=LATER)


def visible(engine: OfflineEngine, plan: ViewPlan) -> pa.Table:
    return run_visible(engine, plan, at=LATER)


def after_planning(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Act once, when the engine has looked at the files and has not read them yet."""
    stamp = unchanged._stamp
    acted: list[str] = []

    def stamped(file: str) -> tuple[int, int, int] | None:
        found = stamp(file)
        if not acted:
            acted.append(file)
            act()
        return found

    monkeypatch.setattr(unchanged, "_stamp", stamped)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("request_", [historical, latest, visible])
@pytest.mark.parametrize("gone", [False, True], ids=["rewritten", "removed"])
def test_a_file_that_changes_while_it_is_read_is_told(
    engine: str,
    request_: Callable[[OfflineEngine, ViewPlan], pa.Table],
    gone: bool,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = plan_over(file)
    after_planning(monkeypatch, file.unlink if gone else lambda: write(file, rows(2.0)))
    with pytest.raises(
        SourceUnavailableError, match=r"(?s)'arrivals'.*rows\..* was rewritten or removed.*again"
    ):
        request_(make_engine(engine), plan)
    assert SourceUnavailableError.retryable
    if not gone:
        assert request_(make_engine(engine), plan).num_rows >= 2


@pytest.mark.parametrize("engine", ENGINES)
def test_new_files_beside_those_that_are_read_do_no_harm(
    engine: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_over(file)
    after_planning(monkeypatch, lambda: write(file.with_stem("more"), rows(1.0)))
    assert historical(make_engine(engine), plan)["delay"].to_pylist() == [1.0, 1.0]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_published_stays_when_a_file_changes_during_a_materialization(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rows.parquet"
    write(file, rows(1.0))
    entity = fs.Entity("plane", join_keys={"tailnum": fs.Int64})
    source = fs.ParquetSource("arrivals", path=str(file), event_timestamp="at")
    served = fs.FeatureView(
        "punctuality", entities=[entity], source=source, features=[fs.Feature("delay", fs.Float64)]
    )
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/registry.db", online=f"sqlite:///{tmp_path}/online.db", offline=engine
    ) as store:
        store.apply([served])
        store.materialize(end=NOON)
        after_planning(monkeypatch, lambda: write(file, rows(2.0)))
        with pytest.raises(SourceUnavailableError):
            store.materialize(end=NOON)
        read = store.get_online_features("punctuality", [{"tailnum": 1}], now=NOON)
        assert read.to_dicts()[0]["delay"] == 1.0
