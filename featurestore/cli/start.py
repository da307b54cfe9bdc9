"""``featurestore init``: a small project that runs."""

from __future__ import annotations

import importlib.resources
import re
import runpy
import shlex
from pathlib import Path
from typing import Annotated

import typer

from featurestore.cli.options import DebugOption, JsonOption
from featurestore.cli.session import reported
from featurestore.configuration import FILE_NAME
from featurestore.errors import ConfigurationError

_SCRIPT = "sample_data.py"
_FILES = {
    FILE_NAME: "where the registry, the online store and the definitions are",
    "features.py": "the definitions: an entity, a source, a view and a service",
    _SCRIPT: "makes the two files below; run it again for fresh ones",
    "data/driver_days.parquet": "what the source reads",
    "rows.parquet": "entity rows: what a model could learn from",
}
_NEXT = (
    "featurestore apply",
    "featurestore get-historical --features drivers --entities rows.parquet",
    "featurestore materialize",
    "featurestore get-online --features drivers -e driver_id=1001 -e driver_id=1005",
    "featurestore status",
)


def init(
    folder: Annotated[Path, typer.Argument(help="Where to make it.", file_okay=False)] = Path(),
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a small project that runs: definitions, configuration and sample data."""
    with reported(debug=debug):
        name = _project_name(folder)
        _write(folder, name)
        runpy.run_path(str(folder / _SCRIPT), run_name="__main__")
        steps = _NEXT if folder.resolve() == Path.cwd() else (f"cd {shlex.quote(str(folder))}", *_NEXT)
        document = {
            "project": name,
            "folder": str(folder.resolve()),
            "files": [{"path": path, "purpose": purpose} for path, purpose in _FILES.items()],
            "next": list(steps),
        }
        from featurestore.cli import output, render

        output.show(document, render.new_project, as_json=as_json)


def _project_name(folder: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9_]+", "_", folder.resolve().name).strip("_")
    return (f"project_{name}".rstrip("_") if not name or name[0].isdigit() else name)[:100]


def _write(folder: Path, project: str) -> None:
    for path in _FILES:
        if (folder / path).exists():
            raise ConfigurationError(
                f"{folder / path} is already there; nothing was written.",
                hint="Choose another folder: featurestore init my_features",
            )
    folder.mkdir(parents=True, exist_ok=True)
    template = importlib.resources.files("featurestore.cli") / "template"
    for path in (FILE_NAME, "features.py", _SCRIPT):
        text = (template / path).read_text(encoding="utf-8")
        (folder / path).write_text(text.replace('"PROJECT"', f'"{project}"'), encoding="utf-8")
