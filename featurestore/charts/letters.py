"""How much room a text needs in a picture, whatever font the reader's system has: rather too much than too little."""

from __future__ import annotations

import unicodedata


def width(text: str, size: float) -> float:
    """About how wide a text is at most, in pixels.

    Args:
        text: one line.
        size: of the font, in pixels.
    """
    return sum(map(_share, text)) * size


def fitted(text: str, room: float, size: float) -> str:
    """A text, without its middle where it is wider than there is room."""
    if width(text, size) <= room:
        return text
    for kept in range(len(text) - 1, 1, -1):
        shown = f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
        if width(shown, size) <= room:
            return shown
    return "…"


def _share(letter: str) -> float:
    """The width of a letter as a share of the font's size, as of DejaVu Sans, one of the widest fonts."""
    if unicodedata.combining(letter):
        return 0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.05
    if letter in "ijlI.,:;'|! ":
        return 0.41
    if letter in "mwMW@%…" or ord(letter) >= 0x2000:
        return 1.05
    return 0.8 if letter.isupper() else 0.67
