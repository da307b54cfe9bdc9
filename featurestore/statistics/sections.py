"""Parts of pages: profiles and drift, feature by feature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial

from featurestore.charts.markup import Markup, join, name_that_breaks, tag
from featurestore.charts.numbers import NONE, moment, percent, short, whole
from featurestore.charts.page import fragment, scrolled
from featurestore.statistics.drift_text import TITLES, summary
from featurestore.statistics.pictures import bands_picture, values_picture, written
from featurestore.statistics.records import FeatureRecord, RowsRecord
from featurestore.statistics.thresholds import MEASURES
from featurestore.statistics.verdicts import FeatureDrift, Only

Sides = Sequence[tuple[str, RowsRecord]]
"""One profile, or a reference and what is compared with it, with what they are called."""
_CLASSES = ("before", "now")
_RANKS = ((0.05, "5 %"), (0.25, "25 %"), (0.5, "median"), (0.75, "75 %"), (0.95, "95 %"))


def profile_fragment(profile: RowsRecord, name: str = "Profile") -> Markup:
    """A profile as a notebook shows it."""
    return fragment(
        tag("h1", name), tag("p", span_in_words(profile), class_="soft"), feature_cards([(name, profile)])
    )


def drift_fragment(sides: Sides, drifts: Sequence[FeatureDrift], only: Only) -> Markup:
    """What has drifted, as a notebook shows it."""
    return fragment(tag("h1", summary(drifts)), drift_section(drifts, only), feature_cards(sides, drifts))


def span_in_words(profile: RowsRecord) -> str:
    """How many rows, and from when."""
    rows = f"{profile.rows:,} row{'' if profile.rows == 1 else 's'}"
    return ", ".join([rows, *event_span(profile)])


def event_span(profile: RowsRecord) -> list[str]:
    """From when to when the rows are, if that is known."""
    if profile.first_event is None:
        return []
    return [f"{moment(profile.first_event)} to {moment(profile.last_event)} UTC"]


def drift_section(drifts: Sequence[FeatureDrift], only: Only, places: Mapping[str, str] = {}) -> Markup:
    """The measures of all features as a table, those that drifted first.

    Args:
        drifts: of the features that both sides have.
        only: the features that one has.
        places: feature to the id of its card on the page.
    """
    head = tag(
        "tr",
        tag("th", "Feature", scope="col"),
        tag("th", "Verdict", scope="col", class_="text"),
        [tag("th", _measure_title(name), scope="col") for name in MEASURES],
        tag("th", "What has changed", scope="col", class_="text wide"),
    )
    ordered = sorted(drifts, key=lambda each: not each.drifted)
    rows = [_drift_row(each, places.get(each.feature)) for each in ordered]
    missing = [
        tag("p", f"Only in {name}: {', '.join(features)}", class_="soft")
        for name, features in only
        if features
    ]
    table = tag("table", tag("thead", head), tag("tbody", rows), class_="full")
    return join([scrolled("Measures of drift by feature", table), missing])


def feature_cards(
    sides: Sides, drifts: Sequence[FeatureDrift] = (), runs: Sequence[tuple[datetime, RowsRecord]] = ()
) -> Markup:
    """A card for each feature of one profile, or of a reference and what is compared with it, the drifted first."""
    legend = [
        tag("span", tag("span", class_=f"key {kind}"), f"{name}: {span_in_words(profile)}")
        for kind, (name, profile) in zip(_CLASSES[-len(sides) :], sides, strict=True)
    ]
    shown = {feature.name: feature for feature in sides[-1][1].features}
    places = card_places(sides[-1][1])
    compared = {each.feature: each for each in drifts}
    drifted = {each.feature for each in drifts if each.drifted}
    cards = []
    for name in sorted(places, key=lambda name: name not in drifted):
        found = [
            (side, feature) for side, profile in sides for feature in profile.features if feature.name == name
        ]
        its_runs = [
            (at, feature) for at, profile in runs for feature in profile.features if feature.name == name
        ]
        cards.append(_card(places[name], shown[name], found, compared.get(name), its_runs))
    return join(
        [tag("p", legend, class_="legend") if len(sides) > 1 else "", tag("div", cards, class_="cards")]
    )


def card_places(profile: RowsRecord) -> dict[str, str]:
    """Feature to the id of its card."""
    return {feature.name: f"feature-{number}" for number, feature in enumerate(profile.features, 1)}


def _card(
    place: str,
    feature: FeatureRecord,
    sides: Sequence[tuple[str, FeatureRecord]],
    drift: FeatureDrift | None,
    runs: Sequence[tuple[datetime, FeatureRecord]],
) -> Markup:
    # Two types of values cannot be drawn on one axis.
    drawn = sides if len({profile.type for _, profile in sides}) == 1 else sides[-1:]
    title = tag("h3", name_that_breaks(feature.name), tag("span", feature.type, class_="type"))
    said = _said(feature, drift)
    return tag(
        "section",
        tag("header", title, _verdict(drift) if drift else None),
        tag("p", said, class_="said") if said else None,
        values_picture(drawn),
        _facts(_counts(feature), sides),
        _facts(_quantiles(feature), sides) if feature.quantiles else None,
        bands_picture(runs),
        id=place,
        class_="card",
    )


def _said(feature: FeatureRecord, drift: FeatureDrift | None) -> str:
    if drift is not None:
        return _changes(drift)
    return "personal data: only counts are kept" if feature.pii else ""


def _verdict(drift: FeatureDrift) -> Markup:
    kind = "bad" if drift.drifted else "soft"
    return tag(
        "span",
        tag("strong", drift.verdict) if drift.drifted else drift.verdict,
        class_=f"verdict {kind}",
    )


def _drift_row(drift: FeatureDrift, place: str | None) -> Markup:
    written_name = name_that_breaks(drift.feature)
    name = tag("a", written_name, href=f"#{place}") if place else written_name
    cells = []
    for measure in MEASURES:
        found = drift.measure(measure)
        if found is None:
            cells.append(tag("td", "–", class_="soft"))
            continue
        limit = "not asked" if found.threshold is None else f"drift from {found.threshold:g} on"
        value = percent(found.value) if measure == "null_share" else f"{found.value:.3f}"
        cells.append(tag("td", value, class_="over" if found.drifted else None, title=limit))
    return tag(
        "tr",
        tag("th", name, scope="row", class_="feature"),
        tag("td", _verdict(drift), class_="text"),
        cells,
        tag("td", _changes(drift), class_="text wide soft"),
    )


def _changes(drift: FeatureDrift) -> str:
    return "; ".join(each for each in (drift.shift, drift.reason) if each)


def _measure_title(name: str) -> list[Markup]:
    """What a measure is called; in short where there is little room."""
    title = "Δ nulls" if name == "null_share" else TITLES[name]
    initials = "".join(word[0] for word in title.split("–")) if "–" in title else title
    return [tag("span", title, class_="wide"), tag("abbr", initials, class_="brief", title=title)]


_Columns = Sequence[tuple[str, Callable[[FeatureRecord], str]]]
_ROWS: _Columns = (
    ("rows", lambda profile: whole(profile.rows)),
    ("nulls", lambda profile: percent(profile.nulls / profile.rows) if profile.rows else NONE),
    ("distinct", lambda profile: whole(profile.distinct)),
)
_MOMENTS: _Columns = (
    ("mean", lambda profile: short(profile.mean)),
    ("std. dev.", lambda profile: short(profile.standard_deviation)),
)
_LENGTHS: _Columns = (
    ("mean length", lambda profile: short(profile.lengths.mean if profile.lengths else None)),
    ("longest", lambda profile: whole(profile.lengths.maximum if profile.lengths else None)),
)
_EXTREMES: _Columns = (
    ("min", lambda profile: written(profile.minimum)),
    ("max", lambda profile: written(profile.maximum)),
)


def _counts(feature: FeatureRecord) -> _Columns:
    more = _LENGTHS if feature.lengths else _MOMENTS if feature.mean is not None else ()
    return (*_ROWS, *more)


def _quantiles(feature: FeatureRecord) -> _Columns:
    # Instants are long: of them the middle has to do.
    many = _RANKS if not isinstance(feature.minimum, date) else _RANKS[2:3]
    middle = [(label, partial(_quantile, rank)) for rank, label in many]
    return (_EXTREMES[0], *middle, _EXTREMES[1])


def _quantile(rank: float, profile: FeatureRecord) -> str:
    return written(dict(profile.quantiles).get(rank))


def _facts(columns: _Columns, sides: Sequence[tuple[str, FeatureRecord]]) -> Markup:
    several = len(sides) > 1
    rows = [
        tag(
            "tr",
            tag(
                "th",
                tag("span", class_=f"key {kind}"),
                scope="row",
                class_="side",
                aria_label=name,
                title=name,
            )
            if several
            else None,
            [tag("td", value(profile)) for _, value in columns],
        )
        for kind, (name, profile) in zip(_CLASSES[-len(sides) :], sides, strict=True)
    ]
    head = tag(
        "tr",
        tag("td", class_="side") if several else None,
        [tag("th", label, scope="col") for label, _ in columns],
    )
    # No stop for the keyboard, unlike `scrolled`: numbers nearly always fit, and there are two in each card.
    return tag("div", tag("table", tag("thead", head), tag("tbody", rows), class_="facts"), class_="scroll")
