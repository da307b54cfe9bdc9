"""The browser that tests look at pages with; run as a program it says which, or fails if there is none."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

VARIABLE = "FEATURESTORE_TEST_BROWSER"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# No sandbox, for it cannot be made inside most containers; and nothing that calls home.
OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def find_browser(playwright: Playwright) -> str | None:
    """A Chromium: of the environment variable, on the PATH, or installed by playwright."""
    if given := os.environ.get(VARIABLE):
        return given
    on_path = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    own = playwright.chromium.executable_path
    return on_path or (own if Path(own).is_file() else None)


@contextmanager
def opened_browser() -> Iterator[Browser | None]:
    """A headless Chromium, or None where there is none."""
    with sync_playwright() as playwright:
        program = find_browser(playwright)
        if program is None:
            yield None
            return
        browser = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__":
    with sync_playwright() as _playwright:
        found = find_browser(_playwright)
    print(found or "There is no Chromium: see `make browser`.")
    sys.exit(found is None)
