"""What `import featurestore` loads, and what it shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "adbc_driver_manager",
    "alembic",
    "datasketches",
    "duckdb",
    "featurestore_connectors",
    "featurestore_registry",
    "numpy",
    "pandas",
    "polars",
    "psycopg",
    "pyarrow",
    "redis",
    "rich",
    "sklearn",
    "sqlalchemy",
    "sqlglot",
    "typer",
}
# The names of section "Public API" of the contract that exist so far; each is used as `fs.Name` there.
PROMISED = {
    "CSVSource",
    "Entity",
    "Feature",
    "FeatureService",
    "FeatureStore",
    "FeatureView",
    "Float64",
    "InMemorySource",
    "ParquetSource",
    "Schedule",
    "String",
}


def in_a_fresh_interpreter(code: str) -> Any:
    """What `code` assigns to `result`."""
    program = f"import json\n{code}\nprint(json.dumps(result))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "use",
    [
        pytest.param("", id="import alone"),
        pytest.param(
            "plane = featurestore.Entity('plane', join_keys={'tailnum': featurestore.String})\n"
            "source = featurestore.ParquetSource('arrivals', path='a.parquet', event_timestamp='at')\n"
            "featurestore.FeatureView('p', entities=[plane], source=source,"
            " features=[featurestore.Feature('delay', featurestore.Float64)])",
            id="definitions",
        ),
    ],
)
def test_no_engine_no_driver_and_no_frame_library_is_loaded(use: str) -> None:
    code = f"import featurestore, sys\n{use}\nresult = sorted({{m.partition('.')[0] for m in sys.modules}})"
    loaded = in_a_fresh_interpreter(code)
    assert "featurestore" in loaded
    assert HEAVY & set(loaded) == set()


def test_all_is_what_is_exposed() -> None:
    shown, listed = in_a_fresh_interpreter(
        "import featurestore, types\n"
        "for name in featurestore.__all__: getattr(featurestore, name)\n"
        "own = lambda v: isinstance(v, types.ModuleType) and v.__name__.startswith('featurestore.')\n"
        "shown = {n for n, v in vars(featurestore).items() if not n.startswith('_') and not own(v)}\n"
        # `from __future__ import annotations` binds a name in every module.
        "shown = shown - {'annotations'} | set(dir(featurestore))\n"
        "result = [sorted(shown), sorted(featurestore.__all__)]"
    )
    assert shown == listed


def test_star_import_gives_exactly_all() -> None:
    given, listed = in_a_fresh_interpreter(
        "names = {}\nexec('from featurestore import *', names)\nnames.pop('__builtins__')\n"
        "import featurestore\nresult = [sorted(names), sorted(featurestore.__all__)]"
    )
    assert given == listed


def test_the_promised_names_are_there() -> None:
    assert set(in_a_fresh_interpreter("import featurestore\nresult = featurestore.__all__")) >= PROMISED
