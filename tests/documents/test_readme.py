"""The README can be typed in as it is, and prints what it says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

README = Path(__file__).parents[2] / "README.md"
_BLOCK = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)


def tutorial() -> list[tuple[str, str]]:
    text = README.read_text(encoding="utf-8")
    section = text[text.index("## Tutorial") : text.index("## The law of time")]
    return [(match[1], match[2]) for match in _BLOCK.finditer(section)]


def test_the_tutorial_can_be_typed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    printed, compared = "", 0
    for language, block in tutorial():
        if language == "python":
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile(block, str(README), "exec"), names)
            printed = output.getvalue()
        else:
            assert printed.strip() == block.strip()
            compared += 1
    assert compared == 7


def test_the_first_screen_shows_the_two_commands() -> None:
    first_screen = README.read_text(encoding="utf-8").splitlines()[:40]
    assert any(line.startswith("$ make demo") for line in first_screen)
    assert any(line.startswith("$ make test") for line in first_screen)
