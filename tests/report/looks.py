"""How tests look at a page: in a real browser; light, dark, and on a phone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Scheme = Literal["light", "dark"]
LOOKS: dict[str, tuple[int, int, Scheme]] = {
    "light": (1180, 800, "light"),
    "dark": (1180, 800, "dark"),
    "phone": (360, 740, "light"),
    "phone-dark": (360, 740, "dark"),
}
Opener = Callable[[str], "Page"]

# Texts whose colour does not stand out enough from what is behind them (WCAG 2.1, 1.4.3: 4.5 to 1).
CONTRAST = """() => {
  const parse = text => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) return colour;
    }
    return [255, 255, 255, 1];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || ["STYLE", "title", "desc"].includes(element.tagName)) continue;
    if (!element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const colour = parse(element instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(colour), light(behind(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5 || colour[3] < 1) poor.push(walker.currentNode.data);
  }
  return poor;
}"""
# Texts that are cut off: outside their picture, or wider than their cell.
CUT_OFF = """() => {
  const cut = [...document.querySelectorAll("svg text")].filter(text => {
    const own = text.getBoundingClientRect(), all = text.ownerSVGElement.getBoundingClientRect();
    return own.left < all.left - 1 || own.right > all.right + 1 || own.top < all.top - 1 || own.bottom > all.bottom + 1;
  });
  const wide = [...document.querySelectorAll("td, th")].filter(cell => cell.scrollWidth > cell.clientWidth + 1);
  return [...cut, ...wide].map(element => element.textContent);
}"""
# Pictures without a size, without a name, with nothing drawn, or with something that is not shown.
EMPTY = """() => [...document.querySelectorAll("svg")].filter(svg => {
  const box = svg.getBoundingClientRect(), drawn = [...svg.querySelectorAll("path, rect")];
  const seen = drawn.some(shape => { const b = shape.getBoundingClientRect(); return b.width > 0; });
  const hidden = drawn.some(shape => getComputedStyle(shape).display === "none");
  return hidden || !(box.width > 100 && box.height > 20 && seen && svg.getAttribute("role") === "img"
           && svg.querySelector("title").textContent && svg.querySelector("desc").textContent);
}).map(svg => svg.outerHTML.slice(0, 200))"""


@pytest.fixture(params=list(LOOKS))
def opened(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path) -> Iterator[Opener]:
    """Opens a page, and finds at the end that it neither complained nor asked for anything."""
    width, height, scheme = LOOKS[request.param]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    file = tmp_path / "report.html"

    def open_page(html: str) -> Page:
        file.write_text(html, encoding="utf-8")
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda asking: asked.append(asking.url))
        page.goto(file.as_uri())
        _keep_picture(page, f"{request.node.name}.png")
        return page

    yield open_page
    context.close()
    assert said == []
    assert asked == [file.as_uri()]


def _keep_picture(page: Page, name: str) -> None:
    """Screenshots, for people who want to look."""
    if folder := os.environ.get("FEATURESTORE_TEST_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / name, full_page=True)


def asked_of(page: Page, question: str) -> Any:
    return page.evaluate(question)


def check_reads_well(page: Page) -> None:
    wide, window = asked_of(page, "[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= window, f"{wide} pixels wide"
    for question in (CONTRAST, CUT_OFF, EMPTY):
        found = asked_of(page, question)
        assert found == [], found
