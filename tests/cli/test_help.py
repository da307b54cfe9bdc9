"""Help, version and usage: quick, and without anything heavy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.main import get_command

import featurestore
from featurestore.cli import app
from tests.cli.conftest import CommandLine
from tests.packaging.test_imports import HEAVY

COMMANDS = {
    "init", "plan", "apply", "retire", "materialize", "status", "get-historical", "get-latest", "get-online",
    "list", "describe", "check-leakage", "history", "diff", "lineage", "promote", "rollback", "audit",
    "statistics", "drift", "report", "upgrade",
}  # fmt: skip


def options(command: str) -> set[str]:
    found = get_command(app).commands[command]  # type: ignore[attr-defined]
    return {option for parameter in found.params for option in parameter.opts}


def test_the_commands() -> None:
    assert set(get_command(app).commands) == {*COMMANDS, "expectations", "training-set"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_prints_json_and_explains_itself(command: str, cli: CommandLine) -> None:
    assert {"--json", "--debug"} <= options(command)
    assert command == "init" or "--config" in options(command)
    assert f"featurestore {command}" in cli.text(command, "--help")


def test_version(cli: CommandLine) -> None:
    assert cli.text("--version") == f"featurestore {featurestore.__version__}\n"


@pytest.mark.parametrize(
    "words", [["nope"], ["plan", "--nope"], ["list", "nothing"], ["get-online"], ["retire"]]
)
def test_a_wrong_call_is_code_2(words: list[str], cli: CommandLine) -> None:
    assert "Error" in cli.error(*words, code=2)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import json, sys\n"
        "from featurestore.cli import main\n"
        "sys.argv = ['featurestore', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    modules = json.loads(done.stderr)
    loaded = {name.partition(".")[0] for name in modules}
    assert "typer" in loaded
    assert loaded & ({*HEAVY, "pydantic"} - {"typer", "rich"}) == set()
    own = {name for name in modules if name.startswith("featurestore.")}
    assert {name for name in own if not name.startswith("featurestore.cli")} == {
        "featurestore.configuration",
        "featurestore.errors",
    }
