"""Profiles: what is kept of the values of some rows. Plain data, to JSON and back.

Numbers of rows, extremes and totals are exact, and stay so when profiles are merged. Quantiles, histograms,
numbers of distinct values and frequent values come from sketches, with the errors that `docs/statistics.md` states.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from featurestore.errors import NotFoundError, RequestError
from featurestore.statistics.records import FeatureRecord, RowsRecord, Value
from featurestore.statistics.values import from_json_value, to_json_value

_AT_ONCE = 16
_Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class FeatureProfile(FeatureRecord):
    """What is kept of one feature's values; `FeatureRecord` says what that is."""

    def merge(self, other: FeatureProfile) -> FeatureProfile:
        """The profile of the rows of both.

        Raises:
            RequestError: if they are not of one type.
        """
        from featurestore.statistics.merge import merge_features

        return merge_features([self, other])


@dataclass(frozen=True, slots=True)
class Profile(RowsRecord):
    """What is kept of the features of some rows.

    Attributes:
        rows: how many there are.
        features: in the order they were asked for.
        first_event: earliest event time among the rows, or None where none is known.
        last_event: latest event time: how fresh the rows are.
        slices: the same by the values of some columns.
        minimum_group: the smallest slice that is shown.
    """

    features: tuple[FeatureProfile, ...]
    slices: tuple[Slice, ...] = ()
    minimum_group: int | None = None

    def __getitem__(self, name: str) -> FeatureProfile:
        for feature in self.features:
            if feature.name == name:
                return feature
        raise NotFoundError.of("Feature", name, (f.name for f in self.features), where="the profile")

    def __iter__(self) -> Iterator[FeatureProfile]:
        return iter(self.features)

    def __str__(self) -> str:
        from featurestore.statistics.text import group_name, profile_text

        groups = [
            (group_name(each.column, each.value, others=each.others), each.profile) for each in self.slices
        ]
        return profile_text(self, groups)

    def __repr__(self) -> str:
        names = ", ".join(feature.name for feature in self.features)
        return f"Profile({self.rows:,} rows, features: {names})"

    def _repr_html_(self) -> str:
        from featurestore.statistics.sections import profile_fragment

        return str(profile_fragment(self))

    def merge(self, other: Profile) -> Profile:
        """The profile of the rows of both; of slices what is certain of both.

        Raises:
            RequestError: if they are not of the same features and types.
        """
        return merge_profiles([self, other])

    def without_values(self, names: Collection[str]) -> Profile:
        """The profile with counts only of some features, and without slices by them: their values are personal."""
        if not names:
            return self
        slices = [each for each in self.slices if each.column not in names]
        return replace(
            self,
            features=tuple(f.without_values() if f.name in names else f for f in self.features),
            slices=tuple(replace(each, profile=each.profile.without_values(names)) for each in slices),
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON; what is not there is left out."""
        found = {
            "rows": self.rows,
            "features": [feature.to_json() for feature in self.features],
            "first_event": to_json_value(self.first_event),
            "last_event": to_json_value(self.last_event),
            "slices": [each.to_json() for each in self.slices] or None,
            "minimum_group": self.minimum_group,
        }
        return {key: value for key, value in found.items() if value is not None}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Profile:
        """Read back what `to_json` gave."""
        return cls(
            rows=document["rows"],
            features=tuple(FeatureProfile.from_json(feature) for feature in document["features"]),
            first_event=from_json_value(document.get("first_event"), "timestamp"),
            last_event=from_json_value(document.get("last_event"), "timestamp"),
            slices=tuple(Slice.from_json(each) for each in document.get("slices", ())),
            minimum_group=document.get("minimum_group"),
        )


@dataclass(frozen=True, slots=True)
class Slice:
    """The profile of the rows in which a column has one value.

    Attributes:
        column: its name.
        type: its type, in text form.
        value: the value; None for rows without one, and for `others`.
        others: whether these are the rows of all values with fewer rows than are shown.
        profile: of those rows.
    """

    column: str
    type: str
    value: Value | None
    profile: Profile
    others: bool = False

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        named = {"others": True} if self.others else {"value": to_json_value(self.value)}
        return {"column": self.column, "type": self.type, **named, "profile": self.profile.to_json()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Slice:
        """Read back what `to_json` gave."""
        return cls(
            column=document["column"],
            type=document["type"],
            value=from_json_value(document.get("value"), document["type"]),
            profile=Profile.from_json(document["profile"]),
            others=document.get("others", False),
        )


def merge_all(profiles: Iterable[Profile]) -> Profile | None:
    """The profile of the rows of all, of which few are held at a time; None of none.

    Raises:
        RequestError: if they are not of the same features and types.
    """
    waiting, merged = iter(profiles), None
    while batch := list(itertools.islice(waiting, _AT_ONCE)):
        merged = merge_profiles([*([] if merged is None else [merged]), *batch])
    return merged


def merge_profiles(profiles: Sequence[Profile]) -> Profile:
    """The profile of the rows of all.

    Raises:
        RequestError: if they are not of the same features and types.
    """
    from featurestore.statistics.merge import merge_features, of_known

    if len(profiles) == 1:
        return profiles[0]
    names = [feature.name for feature in profiles[0].features]
    for other in profiles[1:]:
        found = [feature.name for feature in other.features]
        if found != names:
            raise RequestError(
                f"Profiles of different features cannot be merged: {', '.join(names)}; and {', '.join(found)}.",
                hint="Merge the features that both have: profile[name].merge(other[name]).",
            )
    groups = [profile.minimum_group for profile in profiles if profile.minimum_group is not None]
    return Profile(
        rows=sum(profile.rows for profile in profiles),
        features=tuple(merge_features(list(column)) for column in zip(*profiles, strict=True)),
        first_event=of_known(min, [profile.first_event for profile in profiles]),
        last_event=of_known(max, [profile.last_event for profile in profiles]),
        slices=_merged_slices(profiles),
        minimum_group=max(groups, default=None),
    )


def _merged_slices(profiles: Sequence[Profile]) -> tuple[Slice, ...]:
    """The slices of all, by the columns that all were sliced by.

    A value that is shown in one profile and may be among the others of another is counted with the others.
    """
    columns = [_columns(profile) for profile in profiles if profile.rows]
    if not columns:
        return ()
    common = [name for name in columns[0] if all(name in other for other in columns[1:])]
    return tuple(each for name in common for each in _merged(name, [found[name] for found in columns]))


def _columns(profile: Profile) -> dict[_Name, list[Slice]]:
    found: dict[_Name, list[Slice]] = {}
    for each in profile.slices:
        found.setdefault((each.column, each.type), []).append(each)
    return found


def _merged(name: _Name, columns: list[list[Slice]]) -> list[Slice]:
    shown: dict[Value | None, list[Profile]] = {}
    others: list[Profile] = []
    values = [{each.value for each in slices if not each.others} for slices in columns]
    hiding = [found for found, slices in zip(values, columns, strict=True) if any(s.others for s in slices)]
    for each in (one for slices in columns for one in slices):
        if each.others or any(each.value not in found for found in hiding):
            others.append(each.profile)
        else:
            shown.setdefault(each.value, []).append(each.profile)
    merged = [Slice(*name, value, merge_profiles(parts)) for value, parts in shown.items()]
    merged.sort(key=lambda each: -each.profile.rows)
    return merged + ([Slice(*name, None, merge_profiles(others), others=True)] if others else [])
