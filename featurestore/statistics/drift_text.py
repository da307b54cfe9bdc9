"""Drift in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from featurestore.charts.numbers import moment, percent, short
from featurestore.statistics.records import FeatureRecord, Value
from featurestore.statistics.verdicts import FeatureDrift, Only

TITLES = {
    "psi": "PSI",
    "jensen_shannon": "Jensen–Shannon",
    "kolmogorov_smirnov": "Kolmogorov–Smirnov",
    "null_share": "difference of nulls",
}
_LONGEST = 24


def drift_lines(sides: Sequence[tuple[str, int]], drifts: Sequence[FeatureDrift], only: Only) -> list[str]:
    """A report as lines: the head, then the features, those that drifted first.

    Args:
        sides: what the reference and the other side are called, and their numbers of rows.
        drifts: of the features that both have.
        only: the features that one has.
    """
    head = " → ".join(f"{name} ({_rows(rows)})" for name, rows in sides)
    lines = [f"{summary(drifts)}: {head}"]
    features = sorted(drifts, key=lambda each: not each.drifted)
    names = max((len(each.feature) for each in features), default=0)
    verdicts = max((len(each.verdict) for each in features), default=0)
    lines += [
        f"  {each.verdict:{verdicts}}  {each.feature:{names}}  {in_words(each)}".rstrip() for each in features
    ]
    lines += [f"  only in {name}: {', '.join(its)}" for name, its in only if its]
    return lines


def summary(drifts: Sequence[FeatureDrift]) -> str:
    """How many features drifted, of how many."""
    compared = sum(bool(each.measures) or each.drifted for each in drifts)
    drifted = sum(each.drifted for each in drifts)
    if not drifted:
        return f"No drift in {_features(compared)}"
    return f"Drift in {drifted} of {_features(compared)}"


def in_words(drift: FeatureDrift) -> str:
    """The measures of a feature, what has changed, and what was left out."""
    said = "; ".join(each for each in (_measured(drift), drift.shift, drift.reason) if each)
    return said or "nothing to compare"


def shift_in_words(reference: FeatureRecord, current: FeatureRecord) -> str:
    """What has changed most plainly: the middle, the most frequent value, the nulls."""
    return ", ".join(_shifts(reference, current))


def _measured(drift: FeatureDrift) -> str:
    return ", ".join(
        f"{TITLES[each.name]} {short(each.value)}"
        + (f" (from {each.threshold:g} on)" if each.drifted else "")
        for each in drift.measures
        if each.name != "null_share" or each.drifted
    )


def _shifts(reference: FeatureRecord, current: FeatureRecord) -> Iterator[str]:
    before, now = _median(reference), _median(current)
    if before is not None and now is not None:
        yield _change("median", _number(before), _number(now))
    elif before is None and now is None and reference.top_values and current.top_values:
        yield _change("most frequent", *(_value(side.top_values[0][0]) for side in (reference, current)))
    shares = [profile.nulls / profile.rows for profile in (reference, current)]
    if any(shares):
        yield _change("nulls", *map(percent, shares))


def _change(what: str, before: str, now: str) -> str:
    return f"{what} {before} → {now}" if before != now else f"{what} {before}"


def _median(profile: FeatureRecord) -> Value | None:
    return next((value for rank, value in profile.quantiles if rank == 0.5), None)


def _number(value: Value) -> str:
    if isinstance(value, datetime):
        return moment(value)
    return str(value) if isinstance(value, str | bytes | date) else short(float(value))


def _value(value: Value) -> str:
    text = str(value)
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def _rows(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"


def _features(number: int) -> str:
    return f"{number} feature{'' if number == 1 else 's'}"
