"""An environment of its own for Feast, whose pins (redis<8, pandas<3) do not fit the project's.

``python -m benchmarks.feast_env`` makes it; the benchmarks make it when they need it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REQUIREMENT = "feast[redis,duckdb]==0.67.*"
DIRECTORY = Path(__file__).parent / ".feast-venv"


def ensure() -> Path:
    """The Python of the environment, which is made if its stamp is missing or asks for something else."""
    python = DIRECTORY / "bin" / "python"
    stamp = DIRECTORY / "requirement.txt"
    if stamp.exists() and stamp.read_text() == REQUIREMENT:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(DIRECTORY)], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", REQUIREMENT, "hiredis"], check=True)
    stamp.write_text(REQUIREMENT)
    return python


if __name__ == "__main__":
    print(ensure())
