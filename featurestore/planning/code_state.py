"""The git commit that definitions are applied from."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from pathlib import Path

from featurestore.protocols.records import CodeState

_CODE = (".py", ".sql", ".toml")
_SECONDS = 20
_log = logging.getLogger(__name__)


def read_code_state(folder: Path) -> CodeState | None:
    """The commit of the git repository that `folder` is in, and whether the folder differs from it.

    New files that git does not know make it dirty if they hold code or settings; data, such as a registry in a
    file, do not.

    Returns:
        None outside of git, before the first commit, and where git is not installed.
    """
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        return None
    status = _git(folder, "status", "--porcelain", "-z", "--untracked-files=all", "--", ".")
    if status is None:
        return None
    return CodeState(commit.strip(), dirty=any(_counts(entry) for entry in status.split("\0") if entry))


def _counts(entry: str) -> bool:
    return not entry.startswith("?? ") or entry.endswith(_CODE)


def _git(folder: Path, *words: str) -> str | None:
    program = shutil.which("git")
    if program is None or not folder.is_dir():
        return None
    # Looking must not write: git would refresh its index.
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            [program, "-C", str(folder), *words],
            capture_output=True, text=True, errors="replace", check=False, timeout=_SECONDS, env=environment,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        _log.warning(
            "git %s took longer than %s s in %s; the commit is not recorded", words[0], _SECONDS, folder
        )
        return None
    return done.stdout if done.returncode == 0 else None
