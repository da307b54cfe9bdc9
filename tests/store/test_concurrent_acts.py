"""Twenty processes apply, promote, roll back and run at one registry: they leave what one after the other leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import featurestore as fs
from featurestore.protocols.records import AuditEntry, RunStatus
from featurestore.protocols.registry import Registry
from tests.store.act_at_once import PROJECT, VIEWS, view

pytestmark = pytest.mark.thorough

COUNT = 20
SECONDS = 250


@pytest.fixture(params=["sqlite", "postgresql"])
def registry_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/registry.db"


def act_at_once(registry_url: str, go: Path) -> list[dict[str, Any]]:
    """Let the processes loose; what they say they have done."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.store.act_at_once", registry_url, str(number), str(go)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for number in range(COUNT)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    go.touch()
    told = []
    for process in processes:
        output, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, errors
        told += [json.loads(line) for line in output.splitlines()]
    return told


def test_every_act_is_there_once_and_in_an_order(registry_url: str, tmp_path: Path) -> None:
    with fs.FeatureStore(registry=registry_url, online="memory://", project=PROJECT) as store:
        store.apply([view(name, 10_000) for name in VIEWS])
        first = len(store.audit(limit=1_000))
        told = act_at_once(registry_url, tmp_path / "go")
        entries = store.audit(limit=10_000)[::-1]
        written = [_as_told(entry) for entry in entries[first:]]
        assert Counter(map(json.dumps, written)) == Counter(map(json.dumps, told))
        assert {item["action"] for item in told} >= {"new version", "promote", "rollback", "publish"}
        _check_revisions(store, entries)
        for name in VIEWS:
            _check_versions(store.project.registry, name, entries)
            _check_activations(store.project.registry, name, [e for e in entries if e.name == name])
            _check_runs(store.project.registry, name, entries)


def _as_told(entry: AuditEntry) -> dict[str, Any]:
    what = entry.message
    if entry.action == "publish":
        what = f"run {entry.effect['run']} of {entry.effect['rows']} rows"
    elif entry.action == "fail":
        what = f"run {entry.effect['run']}: {entry.effect['error']}"
    return {"action": entry.action, "name": entry.name, "version": entry.version, "what": what}


def _check_revisions(store: fs.FeatureStore, entries: list[AuditEntry]) -> None:
    """Commits come one after the other, and none has a revision that is not in the audit."""
    revisions = [entry.revision for entry in entries if entry.revision is not None]
    assert revisions == sorted(revisions)
    assert set(revisions) == set(range(1, store.project.registry.revision(project=PROJECT) + 1))


def _check_versions(registry: Registry, name: str, entries: list[AuditEntry]) -> None:
    made = [e.version for e in entries if e.name == name and e.action in ("create", "new version")]
    kept = registry.versions(project=PROJECT, kind="feature_view", name=name)
    assert made == [stored.version for stored in kept] == list(range(1, len(made) + 1))
    # Each version differs from the one before, as each was planned on top of it.
    hashes = [stored.data_hash for stored in kept]
    assert len(set(hashes)) == len(hashes)


def _check_activations(registry: Registry, name: str, entries: list[AuditEntry]) -> None:
    """What each act did to the active version follows from what the ones before it had left."""
    active: list[int] = []
    for entry in entries:
        if moved := entry.effect.get("active"):
            assert moved["from"] == (active[-1] if active else None)
            if entry.action == "rollback":
                assert moved["to"] == active[-2]
            active.append(moved["to"])
    found = registry.activations(project=PROJECT, view=name, limit=10_000)
    assert [version for version, _ in found][::-1] == active
    stored = registry.version(project=PROJECT, kind="feature_view", name=name)
    assert (stored.version, stored.active) == (active[-1], True)


def _check_runs(registry: Registry, name: str, entries: list[AuditEntry]) -> None:
    """Each run ended as the audit says, and before the next one began."""
    runs = registry.runs(project=PROJECT, view=name, limit=10_000)[::-1]
    assert [run.number for run in runs] == list(range(1, len(runs) + 1))
    ends = {e.effect["run"]: e.action for e in entries if e.name == name and e.action in ("publish", "fail")}
    expected = {"publish": RunStatus.SUCCEEDED, "fail": RunStatus.FAILED}
    assert {run.number: run.status for run in runs} == {n: expected[how] for n, how in ends.items()}
    for before, after in pairwise(runs):
        assert before.ended_at is not None
        assert before.ended_at <= after.began_at
    published: dict[int, int] = defaultdict(int)
    for run in runs:
        if run.status is RunStatus.SUCCEEDED:
            published[run.version] = run.generation
    for version, generation in published.items():
        state = registry.view_state(project=PROJECT, view=name, version=version)
        assert (state.generation, state.filling) == (generation, ())
