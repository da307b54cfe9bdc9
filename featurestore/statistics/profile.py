"""Profiles: what is kept of the values of some rows. Plain data, to JSON and back.

Numbers of rows, extremes and totals are exact, and stay so when profiles are merged. Quantiles, histograms,
numbers of distinct values and frequent values come from sketches, with the errors that `docs/statistics.md` states.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from featurestore.errors import NotFoundError
from featurestore.statistics.values import (
    from_base64,
    from_json_number,
    from_json_value,
    to_base64,
    to_json_number,
    to_json_value,
)

Value = bool | int | float | Decimal | str | bytes | date | datetime
"""A value of a feature. Instants are in UTC."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values lie between neighbouring edges; the last bin includes its upper edge.

    Attributes:
        edges: one more than counts, growing; where all values are one that is not whole, two equal ones. Bins of
            integers and days hold whole numbers of them.
        counts: exact as long as the quantile sketch holds all values, else estimates that add up to all of them.
    """

    edges: tuple[Value, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of strings (characters), bytes, lists, maps and vectors."""

    minimum: int
    mean: float
    maximum: int


@dataclass(frozen=True, slots=True)
class Sketches:
    """What profiles are merged by: sketches of Apache DataSketches, in their own serialised form.

    Attributes:
        quantiles: a KLL sketch of doubles, of numbers, days (since 1970) and instants (microseconds since 1970).
        distinct: a compact Theta sketch.
        frequent: a frequent-strings sketch, of the values' JSON forms.
    """

    quantiles: bytes | None = None
    distinct: bytes | None = None
    frequent: bytes | None = None


NO_SKETCHES = Sketches()


@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """What is kept of one feature's values.

    Attributes:
        name: of the feature, as it was asked for.
        type: in its text form (`featurestore.definitions.types`).
        rows: all of them.
        nulls: rows without a value.
        missing: rows whose value is NaN; they count as one distinct value and in no other number.
        infinite: rows whose value is infinite; they count as distinct values and in no other number.
        distinct: about how many values differ; None of personal ones once profiles have been merged.
        minimum: smallest value; of strings (the first 200 characters) by code points. Lists, maps and vectors have
            none.
        maximum: largest value.
        mean: of numbers; of bools the share of true.
        standard_deviation: of the values themselves (not of a sample of more).
        quantiles: (rank, value) for some ranks from 0 to 1, of numbers, days and instants. Decimals are floats here.
        histogram: of the same.
        top_values: (value, count), the most frequent first; counts are never too large.
        lengths: of values that have a length.
        total: exact sum of integers and decimals; of finite floats within rounding.
        pii: whether the values are personal: then only rows, nulls and distinct are there.
        sketches: opaque; what `merge` needs.
    """

    name: str
    type: str
    rows: int
    nulls: int
    missing: int = 0
    infinite: int = 0
    distinct: int | None = None
    minimum: Value | None = None
    maximum: Value | None = None
    mean: float | None = None
    standard_deviation: float | None = None
    quantiles: tuple[tuple[float, Value], ...] = ()
    histogram: Histogram | None = None
    top_values: tuple[tuple[Value, int], ...] = ()
    lengths: Lengths | None = None
    total: int | float | Decimal | None = None
    pii: bool = False
    sketches: Sketches = field(default=NO_SKETCHES, repr=False)

    def merge(self, other: FeatureProfile) -> FeatureProfile:
        """The profile of the rows of both.

        Raises:
            RequestError: if they are not of one type.
        """
        from featurestore.statistics.merge import merge_features

        return merge_features([self, other])

    def without_values(self) -> FeatureProfile:
        """The counts alone, as of personal values."""
        return FeatureProfile(
            self.name, self.type, rows=self.rows, nulls=self.nulls, distinct=self.distinct, pii=True
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON; what is not there is left out."""
        lengths, histogram = self.lengths, self.histogram
        found = {
            "name": self.name,
            "type": self.type,
            "rows": self.rows,
            "nulls": self.nulls,
            "missing": self.missing or None,
            "infinite": self.infinite or None,
            "distinct": self.distinct,
            "minimum": to_json_value(self.minimum),
            "maximum": to_json_value(self.maximum),
            "mean": to_json_number(self.mean),
            "standard_deviation": to_json_number(self.standard_deviation),
            "quantiles": [[rank, to_json_value(value)] for rank, value in self.quantiles] or None,
            "histogram": histogram
            and {
                "edges": [to_json_value(edge) for edge in histogram.edges],
                "counts": list(histogram.counts),
            },
            "top_values": [[to_json_value(value), count] for value, count in self.top_values] or None,
            "lengths": lengths
            and {"minimum": lengths.minimum, "mean": lengths.mean, "maximum": lengths.maximum},
            "total": to_json_value(self.total),
            "pii": self.pii or None,
            "sketches": {
                name: to_base64(value)
                for name in ("quantiles", "distinct", "frequent")
                if (value := getattr(self.sketches, name)) is not None
            }
            or None,
        }
        return {key: value for key, value in found.items() if value is not None}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> FeatureProfile:
        """Read back what `to_json` gave."""
        kind = document["type"]
        histogram, lengths = document.get("histogram"), document.get("lengths")
        return cls(
            name=document["name"],
            type=kind,
            rows=document["rows"],
            nulls=document["nulls"],
            missing=document.get("missing", 0),
            infinite=document.get("infinite", 0),
            distinct=document.get("distinct"),
            minimum=from_json_value(document.get("minimum"), kind),
            maximum=from_json_value(document.get("maximum"), kind),
            mean=from_json_number(document.get("mean")),
            standard_deviation=from_json_number(document.get("standard_deviation")),
            quantiles=tuple((rank, _read(value, kind)) for rank, value in document.get("quantiles", ())),
            histogram=histogram
            and Histogram(
                tuple(_read(edge, kind) for edge in histogram["edges"]), tuple(histogram["counts"])
            ),
            top_values=tuple((_read(value, kind), count) for value, count in document.get("top_values", ())),
            lengths=lengths and Lengths(**lengths),
            total=from_json_value(document.get("total"), kind),
            pii=document.get("pii", False),
            sketches=Sketches(
                **{name: from_base64(text) for name, text in document.get("sketches", {}).items()}
            ),
        )


def _read(value: Any, kind: str) -> Value:
    read: Value = from_json_value(value, kind)
    return read


@dataclass(frozen=True, slots=True)
class Profile:
    """What is kept of the features of some rows.

    Attributes:
        rows: how many there are.
        features: in the order they were asked for.
        first_event: earliest event time among the rows, or None where none is known.
        last_event: latest event time: how fresh the rows are.
        slices: the same by the values of some columns.
        minimum_group: the smallest slice that is shown.
    """

    rows: int
    features: tuple[FeatureProfile, ...]
    first_event: datetime | None = None
    last_event: datetime | None = None
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
        from featurestore.statistics.text import profile_text

        return profile_text(self)

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
        from featurestore.statistics.merge import merge_profiles

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
