"""The command line in this process, and a small project to use it on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from featurestore.cli import app


class CommandLine:
    """Calls commands as they would be typed in, in the working directory."""

    def run(self, *words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, list(words), prog_name="featurestore")
        assert result.exit_code == code, (words, result.output, result.exception)
        return result

    def text(self, *words: str) -> str:
        """What a command prints on standard output."""
        return self.run(*words).stdout

    def json(self, *words: str) -> Any:
        """The same with --json, which has to be all there is on standard output."""
        return json.loads(self.run(*words, "--json").stdout)

    def error(self, *words: str, code: int = 1) -> str:
        """What a command that fails says on standard error; it says nothing on standard output."""
        result = self.run(*words, code=code)
        assert result.stdout == ""
        return " ".join(result.stderr.replace("│", " ").split())


@pytest.fixture
def cli() -> CommandLine:
    return CommandLine()


@pytest.fixture
def forget_modules(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Forget the modules of the test's project: each call on a command line is a process of its own."""
    path = list(sys.path)

    def forget() -> None:
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
                del sys.modules[name]

    yield forget
    forget()
    sys.path[:] = path


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: CommandLine, forget_modules: Callable[[], None]
) -> Path:
    """What init makes, not applied yet; the working directory."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a second edit within a second must be seen
    cli.run("init", str(tmp_path / "rides"))
    monkeypatch.chdir(tmp_path / "rides")
    return tmp_path / "rides"


@pytest.fixture
def edit(project: Path, forget_modules: Callable[[], None]) -> Callable[[str, str], None]:
    """Replace a text in features.py."""

    def replace(old: str, new: str) -> None:
        file = project / "features.py"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        forget_modules()

    return replace


@pytest.fixture
def filled(project: Path, cli: CommandLine) -> Path:
    """The same, applied and materialized."""
    cli.run("apply")
    cli.run("materialize")
    return project
