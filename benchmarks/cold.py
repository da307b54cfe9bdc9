"""What a fresh process costs: imports, a first read, a help text; and what an installation takes on the disk."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import rows
from benchmarks.figures import Figure
from benchmarks.harness import ROOT, Contender
from benchmarks.redis_server import started
from benchmarks.suites import Options

_FILL = """
from pathlib import Path
from benchmarks import data, rows
store = rows.open_store(Path({directory!r}), {online!r}, rows.definitions(rows.path(data.SCALES[{scale!r}])))
store.materialize(end=data.END)
"""
_READ = """
import featurestore as fs
store = fs.FeatureStore(registry={registry!r}, online={online!r}, project="benchmark")
answer = store.get_online_features({service!r}, [{{"entity_id": 1}}])
"""
_FORMS = {"dicts": "assert answer.to_dicts()[0]['v00'] > 0", "numpy": "assert answer.to_numpy()[0, 0] > 0"}
# What a script has loaded of other packages, in their order, and the standard library's driver.
_PARTS = """
import sys, sysconfig
site = sysconfig.get_path("purelib"), sysconfig.get_path("platlib")
of_others = [
    name
    for name, module in sys.modules.items()
    if str(getattr(module, "__file__", None)).startswith(site) and not name.startswith("featurestore")
]
print(" ".join(name for name in (*of_others, "sqlite3") if name in sys.modules))
"""
_TYPER = """
import typer
app = typer.Typer()
@app.command()
def run(name: str = "world") -> None:
    "Greet."
@app.command()
def stop() -> None:
    "Leave."
try:
    app(["--help"])
except SystemExit as end:
    assert not end.code
"""
_OURS_HELP = """
from featurestore.cli import main
sys.argv = ["featurestore", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code
"""
Scripts = list[tuple[str, list[Contender]]]


@contextmanager
def prepared(options: Options) -> Iterator[Scripts]:
    """The scripts side by side, each table's by title, as long as the stores that they read are there."""
    rows.make(options.scale)
    modules = (Figure("modules", "modules"),)
    with tempfile.TemporaryDirectory(prefix="featurestore-benchmark-") as folder, started() as server:
        yield [
            (
                "import",
                [
                    _script("import pydantic", "import pydantic"),
                    Contender(
                        "import featurestore", {"kind": "ours", "script": "import featurestore"},
                        floor="import pydantic", goal=2.0, feast_goal=10.0, figures=modules,
                    ),
                    Contender("import feast", {"kind": "feast", "script": "import feast"}),
                ],
            ),
            ("first online read of a process, SQLite", _first_read(options, Path(folder) / "file", None)),
            ("first online read of a process, Redis", _first_read(options, Path(folder) / "redis", server.url(1))),
            (
                "help text",
                [
                    _script("typer with two commands", _TYPER),
                    Contender(
                        "featurestore --help", {"kind": "ours", "script": _OURS_HELP},
                        floor="typer with two commands", goal=2.0,
                    ),
                ],
            ),
        ]  # fmt: skip


def _script(name: str, script: str) -> Contender:
    return Contender(name, {"kind": "bare", "script": script})


def _first_read(options: Options, directory: Path, url: str | None) -> list[Contender]:
    """The read of a row that another process has written, beside the imports of all that it loads of others."""
    directory.mkdir()
    online = url or f"sqlite:///{directory / 'online.db'}"
    fill = _FILL.format(directory=str(directory), online=online, scale=options.scale.name)
    subprocess.run([sys.executable, "-c", fill], cwd=ROOT, check=True)
    registry = f"sqlite:///{directory / 'registry.db'}"
    read = _READ.format(registry=registry, online=online, service=rows.service(rows.VIEWS))
    contenders = [_script("import pydantic, sqlalchemy", "import pydantic, sqlalchemy")]
    for form, check in _FORMS.items():
        script = read + check
        parts = _script(f"import of its parts ({form})", f"import {', '.join(_parts(script))}")
        job = {"kind": "ours", "script": script}
        contenders += [parts, Contender(f"first read into {form}", job, floor=parts.name, goal=1.5)]
    return contenders


def _parts(script: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", script + _PARTS], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return ended.stdout.split()
