"""Environments of their own into which the library is installed as its users do, to see what that takes."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import DATA_DIR

ROOT = Path(__file__).parents[1]
_NOT_COUNTED = ("pip", "setuptools")
_BLOCK = 512  # bytes, in which file systems count


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment with packages.

    Attributes:
        python: its interpreter.
        packages: how many are installed, without what each environment begins with.
        megabytes: what their files take on the disk, as ``du`` counts.
    """

    python: Path
    packages: int
    megabytes: float

    @classmethod
    def of(cls, python: Path) -> Environment:
        """What is installed beside an interpreter, from the lists of files that pip keeps."""
        (site,) = python.parents[1].glob("lib/python3*/site-packages")
        found = importlib.metadata.distributions(path=[str(site)])
        counted = [one for one in found if one.metadata["Name"] not in _NOT_COUNTED]
        paths = {Path(str(file.locate())).resolve() for one in counted for file in one.files or ()}
        taken = sum(path.stat().st_blocks * _BLOCK for path in paths if path.is_file())
        return cls(python, len(counted), taken / 1e6)


@contextmanager
def installed(extras: Sequence[str]) -> Iterator[dict[str, Environment]]:
    """An environment for the library with each of the extras; "" is none. They are gone at the end of the block."""
    DATA_DIR.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="environments-", dir=DATA_DIR))
    try:
        yield {extra: _install(folder / (extra or "base"), extra) for extra in extras}
    finally:
        shutil.rmtree(folder)


def _install(folder: Path, extra: str) -> Environment:
    print(f"  pip install featurestore{f'[{extra}]' if extra else ''}", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    what = f"{ROOT}[{extra}]" if extra else str(ROOT)
    options = ["-qq", "--disable-pip-version-check"]
    subprocess.run([str(python), "-m", "pip", "install", *options, what], check=True)
    return Environment.of(python)
