"""The report in a real browser: it loads nothing, fits, can be read, and shows its charts; light, dark, on a phone."""

from __future__ import annotations

from featurestore.charts.page import page as whole_page
from featurestore.statistics.drift import detect_drift
from tests.report.looks import Opener, asked_of, check_reads_well, opened
from tests.report.sample import LONG, NASTY, sample_lineage, sample_profile, sample_report

__all__ = ["opened"]


def test_a_report_with_everything(opened: Opener) -> None:
    page = opened(sample_report().to_html())
    check_reads_well(page)
    charts = page.locator(".card svg").count()
    # Values of all but the personal, the list, the null and the extreme feature; bands of the numbers among them.
    assert charts >= 11 + 7
    assert page.locator(".graph svg .node").count() == 12
    assert page.locator("h1").inner_text() == "training set summer"
    assert page.locator(".card").count() == 15


def test_a_report_of_one_profile(opened: Opener) -> None:
    page = opened(sample_report(drift=False).to_html())
    check_reads_well(page)
    assert page.locator("h2").all_inner_texts() == ["Features", "Lineage"]


def test_names_are_shown_as_they_are_and_do_nothing(opened: Opener) -> None:
    page = opened(sample_report().to_html())
    assert page.locator("script, img, iframe, link").count() == 0
    assert asked_of(page, "document.styleSheets.length") == 1
    own_text = "[...h.childNodes].filter(n => n.nodeType == Node.TEXT_NODE).map(n => n.data).join('')"
    titles = page.locator("h3").evaluate_all(f"all => all.map(h => {own_text})")
    assert titles[1:3] == [NASTY, LONG]
    assert NASTY in page.locator("section svg text.name title").evaluate_all(
        "all => all.map(t => t.textContent)"
    )


def test_links_of_the_table_lead_to_the_features(opened: Opener) -> None:
    page = opened(sample_report().to_html())
    page.get_by_role("link", name=LONG).click()
    top = page.locator(".card", has=page.get_by_role("heading", name=LONG)).bounding_box()
    height = asked_of(page, "window.innerHeight")
    assert top is not None
    assert 0 <= top["y"] < height / 2


def test_what_notebooks_show(opened: Opener) -> None:
    """Fragments in a page whose own look differs, several of them."""
    before, now = sample_profile(1, 0), sample_profile(2, 1)
    drift = detect_drift(before, now)
    shown = [each._repr_html_() for each in (before, drift, sample_lineage())]
    body = "".join(f"<div>{html}</div>" for html in shown)
    page = opened(f"<!doctype html><body style='background:#888;color:#999;margin:0'>{body}</body>")
    check_reads_well(page)
    assert page.locator(".fs-report").count() == 3


def test_an_empty_page_is_a_page(opened: Opener) -> None:
    page = opened(str(whole_page("Nothing")))
    assert page.title() == "Nothing"
