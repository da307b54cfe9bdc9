"""What is kept of values, as plain records: all that reads, draws and merges profiles stands above them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self

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
class FeatureRecord:
    """What is kept of one feature's values; a `FeatureProfile` can be merged besides.

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

    def without_values(self) -> Self:
        """The counts alone, as of personal values."""
        return type(self)(
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
    def from_json(cls, document: Mapping[str, Any]) -> Self:
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


@dataclass(frozen=True, slots=True)
class RowsRecord:
    """What is kept of the features of some rows; a `Profile` has slices and can be merged besides.

    Attributes:
        rows: how many there are.
        features: in the order they were asked for.
        first_event: earliest event time among the rows, or None where none is known.
        last_event: latest event time: how fresh the rows are.
    """

    rows: int
    features: tuple[FeatureRecord, ...]
    first_event: datetime | None = None
    last_event: datetime | None = None


def _read(value: Any, kind: str) -> Value:
    read: Value = from_json_value(value, kind)
    return read
