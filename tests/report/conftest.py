"""One browser for all tests of pages in a process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.report.browser import VARIABLE, opened_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with opened_browser() as found:
        if found is None:
            pytest.skip(f"there is no Chromium on this machine: run `make browser`, or set {VARIABLE}")
        yield found
