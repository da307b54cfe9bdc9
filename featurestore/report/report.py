"""The report of a profile: a page with its features, what has drifted, what was checked, and where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from featurestore.charts.markup import Markup, join, tag
from featurestore.charts.numbers import moment, whole
from featurestore.charts.page import facts_list, fragment, page, scrolled
from featurestore.frames.atomic_file import atomic_path
from featurestore.lineage.graph import Lineage
from featurestore.lineage.picture import lineage_picture
from featurestore.statistics.drift import DriftReport, only_in_one
from featurestore.statistics.drift_text import summary
from featurestore.statistics.profile import Profile
from featurestore.statistics.sections import card_places, drift_section, event_span, feature_cards

Runs = Sequence[tuple[datetime, Profile]]


@dataclass(frozen=True, slots=True)
class CheckRow:
    """What came of one expectation.

    Attributes:
        expected: in words.
        found: in words.
        outcome: passed, failed or skipped.
        on_failure: what follows when it fails: reject or warn.
        at: when it was checked.
    """

    expected: str
    found: str
    outcome: str
    on_failure: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A page about a profile. `save` it, or let a notebook show it.

    Attributes:
        name: what the profile is of, such as ``training set fraud-2026-01``.
        profile: the statistics of its values.
        project: where it belongs.
        made_at: when the report was made.
        facts: more about it, as pairs of what and which.
        drift: the comparison with a reference, if there is one.
        runs: profiles of single runs with their instants, in the order of time.
        checks: what came of expectations.
        lineage: what it is made from and goes into.
    """

    name: str
    profile: Profile
    project: str
    made_at: datetime
    facts: tuple[tuple[str, str], ...] = ()
    drift: DriftReport | None = None
    runs: Runs = ()
    checks: tuple[CheckRow, ...] = ()
    lineage: Lineage | None = None

    def __repr__(self) -> str:
        return f"Report({self.name!r}, made {self.made_at.isoformat()})"

    def to_html(self) -> str:
        """The whole page: one file without scripts that loads nothing."""
        return str(page(f"{self.name} · {self.project}", self._body()))

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, which appears when it is whole."""
        target = Path(path)
        with atomic_path(target) as unfinished:
            unfinished.write_text(self.to_html(), encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        return str(fragment(self._body()))

    def _body(self) -> Markup:
        return join(
            [
                self._head(),
                self._drift(),
                _checks(self.checks),
                tag("h2", "Features"),
                self._features(),
                self._lineage(),
                tag("footer", tag("p", _HOW), tag("p", f"Made {moment(self.made_at)} UTC.")),
            ]
        )

    def _head(self) -> Markup:
        facts = [
            ("rows", whole(self.profile.rows)),
            *(("events", span) for span in event_span(self.profile)),
            *self.facts,
        ]
        return tag(
            "header",
            tag("p", self.project, class_="over-title"),
            tag("h1", self.name),
            facts_list(facts),
        )

    def _drift(self) -> Markup | None:
        if self.drift is None:
            return None
        kind = "bad" if self.drift.drifted else "good"
        said = tag("strong", summary(self.drift.features), class_=kind)
        lead = tag("p", said, f" between {self.drift.names[0]} and {self.drift.names[1]}.", class_="lead")
        table = drift_section(self.drift.features, only_in_one(self.drift), card_places(self.profile))
        return join([tag("h2", "Drift"), lead, table])

    def _features(self) -> Markup:
        if self.drift is None:
            return feature_cards([(self.name, self.profile)], runs=self.runs)
        sides = [(self.drift.names[0], self.drift.reference), (self.drift.names[1], self.drift.current)]
        return feature_cards(sides, self.drift.features, self.runs)

    def _lineage(self) -> Markup | None:
        if self.lineage is None or not self.lineage.edges:
            return None
        drawn = scrolled(f"Lineage of {self.lineage.root}", lineage_picture(self.lineage), class_="graph")
        return join([tag("h2", "Lineage"), drawn])


_HOW = (
    "Counts, means and extremes are exact; quantiles, histograms and numbers of distinct values are estimated by "
    "sketches. PSI and Jensen–Shannon (base 2) compare shares of common bins, Kolmogorov–Smirnov the two distribution "
    "functions. Grey is the reference."
)


def _checks(checks: Sequence[CheckRow]) -> Markup | None:
    if not checks:
        return None
    failed = sum(check.outcome == "failed" for check in checks)
    skipped = sum(check.outcome == "skipped" for check in checks)
    lead = f"{failed} of {len(checks)} not met" if failed else f"{len(checks) - skipped} of {len(checks)} met"
    head = tag(
        "tr",
        [tag("th", label, scope="col", class_="text") for label in ("Expected", "Found", "", "If not")],
        tag("th", "Checked (UTC)", scope="col", class_="wide"),
    )
    rows = [_check(check) for check in sorted(checks, key=lambda each: each.outcome != "failed")]
    table = tag("table", tag("thead", head), tag("tbody", rows), class_="full")
    return join(
        [
            tag("h2", "Expectations"),
            tag("p", tag("strong", lead, class_="bad" if failed else "good"), ".", class_="lead"),
            scrolled("Results of expectations", table),
        ]
    )


def _check(check: CheckRow) -> Markup:
    said = {"passed": "met", "failed": tag("strong", "not met"), "skipped": "not checked"}
    return tag(
        "tr",
        tag("th", check.expected, scope="row", class_="text feature"),
        tag("td", check.found, class_="text"),
        tag("td", said[check.outcome], class_="text bad" if check.outcome == "failed" else "text soft"),
        tag("td", check.on_failure, class_="text soft"),
        tag("td", moment(check.at), class_="wide soft"),
    )
