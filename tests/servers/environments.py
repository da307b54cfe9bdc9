"""Environments for servers whose packages the project does not have, beside pyproject.toml, made when a test asks."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from featurestore.testing.servers.process import ServerError

ROOT = Path(__file__).parents[2]


@contextmanager
def new_environment(name: str, requirements: Sequence[str]) -> Iterator[Path | None]:
    """An environment to fill, None if it is there already; it counts as made when the block has ended well.

    Several processes run tests: one makes it, the others wait.

    Args:
        name: of its folder.
        requirements: all that is in it, by which another release is noticed.

    Raises:
        ServerError: if it cannot be made.
    """
    folder = ROOT / name
    stamp = folder / ".installed"
    with (ROOT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text(encoding="utf-8").splitlines() == list(requirements):
            yield None
            return
        shutil.rmtree(folder, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(folder)])
        yield folder
        stamp.write_text("\n".join(requirements), encoding="utf-8")


def pip_install(folder: Path, requirements: Sequence[str]) -> None:
    """Install wheels from the package index.

    Raises:
        ServerError: if that fails.
    """
    pip = [str(python_of(folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--only-binary", ":all:", *requirements])


def python_of(folder: Path) -> Path:
    """The Python of an environment."""
    return folder / "bin" / "python"


def run(command: Sequence[str]) -> None:
    """Run a program to its end.

    Raises:
        ServerError: if it fails, with the end of what it says.
    """
    done = subprocess.run(command, capture_output=True, text=True, env=without_python(), check=False)
    if done.returncode:
        raise ServerError(
            f"{' '.join(command)} failed with code {done.returncode}:\n{done.stderr.strip()[-2000:]}",
            hint="Servers for tests are installed from the package indexes.",
        )


def without_python() -> dict[str, str]:
    """The variables of this process, but for Python's: they are the tests'."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
