"""Taking in the values of one column, block by block: everything of a block is done by whole arrays."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.types import (
    Bool,
    Bytes,
    Date,
    FeatureType,
    List,
    Map,
    String,
    Vector,
    ZonedTimestamp,
)
from featurestore.statistics.hashes import column_hashes
from featurestore.statistics.moments import NO_MOMENTS, Moments
from featurestore.statistics.numbers import decimal_moments, float_moments, integer_moments
from featurestore.statistics.profile import FeatureProfile
from featurestore.statistics.quantiles import add_sorted, new_quantiles
from featurestore.statistics.records import Lengths, Sketches
from featurestore.statistics.sketches import DistinctHashes, FrequentValues, count_distinct
from featurestore.statistics.summary import DAYS, INSTANTS, Parts, as_value, hidden, summarise

Int64s = npt.NDArray[np.int64]
LONGEST: Final = 200
"""Longer strings and bytes are cut where they are shown as extremes, and left out of the frequent ones."""
PROBE: Final = 4_096
"""So many values of a block tell whether all different ones are counted, or only those that come often."""
_FEW: Final = 4
_OFTEN: Final = 8
_PLACES: Final = np.random.default_rng(20_130_101).random(PROBE)


class ColumnProfile:
    """What is known so far of the values of one feature: of personal ones only how many there are."""

    def __init__(self, name: str, dtype: FeatureType) -> None:
        self._name, self._type = name, dtype
        self._rows = self._nulls = 0
        self._distinct = DistinctHashes()

    def add(self, column: pa.Array) -> None:
        """Take the next values, of the feature's Arrow type."""
        self._rows += len(column)
        self._nulls += column.null_count
        values = column.drop_null() if column.null_count else column
        if len(values):
            self._take(values)

    def result(self) -> FeatureProfile:
        """The profile of all that was taken."""
        return hidden(
            FeatureProfile,
            self._name,
            str(self._type),
            rows=self._rows,
            nulls=self._nulls,
            distinct=min(count_distinct(self._distinct.form()), self._rows - self._nulls),
        )

    def _take(self, values: pa.Array) -> None:
        self._distinct.add(column_hashes(values))


class ShownProfile(ColumnProfile):
    """Values that may be shown."""

    def result(self) -> FeatureProfile:
        """The profile of all that was taken."""
        return summarise(FeatureProfile, self._parts())

    def _parts(self, **found: Any) -> Parts:
        sketches = Sketches(distinct=self._distinct.form(), **found.pop("sketches", {}))
        return Parts(self._name, str(self._type), self._rows, self._nulls, sketches=sketches, **found)


class FrequentProfile(ShownProfile):
    """Values of which the frequent ones are shown."""

    _low: Any = None
    _high: Any = None

    def __init__(self, name: str, dtype: FeatureType) -> None:
        super().__init__(name, dtype)
        self._frequent = FrequentValues()

    def _parts(self, **found: Any) -> Parts:
        sketches = found.pop("sketches", {})
        return super()._parts(sketches={**sketches, "frequent": self._frequent.form()}, **found)

    def _reduced(self, values: pa.Array) -> tuple[pa.Array, Int64s | None]:
        """The different values and how often each comes if they are few; else all of them and None."""
        often = self._probe(values)
        if often is not None:
            if len(often):
                found = pc.index_in(values, often).drop_null()
                self._add_frequent(
                    often, np.bincount(np.asarray(found), minlength=len(often)).astype(np.int64)
                )
            return values, None
        found = pc.value_counts(values)
        counts = np.asarray(found.field("counts")).astype(np.int64)
        self._add_frequent(found.field("values"), counts)
        return found.field("values"), counts

    @staticmethod
    def _probe(values: pa.Array) -> pa.Array | None:
        """The values that come often, if there are many different ones."""
        if len(values) <= PROBE:
            return None
        found = pc.value_counts(values.take(pa.array((_PLACES * len(values)).astype(np.int64))))
        if len(found) <= PROBE // _FEW:
            return None
        return found.field("values").filter(pc.greater_equal(found.field("counts"), _OFTEN))

    def _add_frequent(self, values: pa.Array, counts: Int64s) -> None:
        self._frequent.add(values, counts)

    def _widen(self, low: Any, high: Any) -> None:
        self._low = low if self._low is None else min(self._low, low)
        self._high = high if self._high is None else max(self._high, high)


class NumberProfile(FrequentProfile):
    """Integers, floats and decimals."""

    def __init__(self, name: str, dtype: FeatureType) -> None:
        super().__init__(name, dtype)
        self._quantiles = new_quantiles()
        self._moments: Moments | None = NO_MOMENTS
        self._missing = self._infinite = 0

    def _parts(self, **found: Any) -> Parts:
        sketches = {} if self._low is None else {"quantiles": bytes(self._quantiles.serialize())}
        found = {"minimum": self._low, "maximum": self._high, "moments": self._moments, **found}
        return super()._parts(sketches=sketches, missing=self._missing, infinite=self._infinite, **found)

    def _take(self, values: pa.Array) -> None:
        if pa.types.is_floating(values.type):
            self._take_floats(values)
            return
        if pa.types.is_decimal(values.type):
            ends = pc.min_max(values)
            numbers, moments = decimal_moments(values)
            self._widen(ends["min"].as_py(), ends["max"].as_py())
        else:
            integers = values.to_numpy(zero_copy_only=False)
            low, high = int(integers.min()), int(integers.max())
            numbers, moments = integer_moments(integers, low, high)
            self._widen(low, high)
        self._count(values, numbers, moments)

    def _take_floats(self, values: pa.Array) -> None:
        # Adding zero makes negative zeros the other one, and a copy of what Arrow owns.
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64) + 0.0
        low, high = float(numbers.min()), float(numbers.max())
        if not np.isfinite(low) or not np.isfinite(high):
            missing, infinite = np.isnan(numbers), np.isinf(numbers)
            self._missing += int(missing.sum())
            self._infinite += int(infinite.sum())
            self._distinct.add(column_hashes(pa.array(np.unique(numbers[infinite]))))
            numbers = numbers[~(missing | infinite)]
            if not len(numbers):
                return
            low, high = float(numbers.min()), float(numbers.max())
        self._widen(low, high)
        self._count(pa.array(numbers), numbers, float_moments(numbers))

    def _count(self, values: pa.Array, numbers: npt.NDArray[np.float64], moments: Moments | None) -> None:
        add_sorted(self._quantiles, np.sort(numbers))
        if moments is not None and self._moments is not None:
            self._moments += moments
        reduced, _ = self._reduced(values)
        self._distinct.add(column_hashes(reduced))


class TimeProfile(NumberProfile):
    """Days and instants: numbers of days and microseconds without a mean."""

    def __init__(self, name: str, dtype: FeatureType) -> None:
        super().__init__(name, dtype)
        self._moments = None

    def _take(self, values: pa.Array) -> None:
        is_date = pa.types.is_date(values.type)
        shown = pa.date32() if is_date else pa.timestamp("us", "UTC")
        numbers = np.asarray(values.view(pa.int32() if is_date else pa.int64()))
        # What Python has no datetime for is taken as the first or last there is.
        numbers = np.clip(numbers, *(DAYS if is_date else INSTANTS))
        self._widen(int(numbers.min()), int(numbers.max()))
        self._count(pa.array(numbers).cast(shown), numbers.astype(np.float64), None)

    def _parts(self, **found: Any) -> Parts:
        if self._low is not None:
            kind = str(self._type)
            found |= {"minimum": as_value(self._low, kind), "maximum": as_value(self._high, kind)}
        return super()._parts(**found)


class BoolProfile(FrequentProfile):
    """Bools: their mean is the share of true."""

    _true = 0

    def _take(self, values: pa.Array) -> None:
        self._true += values.true_count
        self._distinct.add(column_hashes(self._reduced(values)[0]))

    def _parts(self, **found: Any) -> Parts:
        count = self._rows - self._nulls
        if count:
            squares = self._true * (count - self._true) / count
            found |= {
                "minimum": self._true == count,
                "maximum": self._true > 0,
                "moments": Moments(count, self._true, squares),
            }
        return super()._parts(**found)


class LengthProfile(ShownProfile):
    """What has items: how many."""

    _shortest: int | None = None

    def __init__(self, name: str, dtype: FeatureType) -> None:
        super().__init__(name, dtype)
        self._longest = self._length = 0

    def _take(self, values: pa.Array) -> None:
        self._measure(item_counts(values), None)
        self._distinct.add(column_hashes(values))

    def _measure(self, lengths: Int64s, counts: Int64s | None) -> None:
        shortest = int(lengths.min())
        self._shortest = shortest if self._shortest is None else min(self._shortest, shortest)
        self._longest = max(self._longest, int(lengths.max()))
        self._length += int(lengths.sum() if counts is None else (lengths * counts).sum())

    def _parts(self, **found: Any) -> Parts:
        if self._shortest is not None:
            count = self._rows - self._nulls
            found |= {"lengths": Lengths(self._shortest, self._length / count, self._longest)}
        return super()._parts(**found)


class TextProfile(FrequentProfile, LengthProfile):
    """Strings and bytes."""

    def _take(self, values: pa.Array) -> None:
        reduced, counts = self._reduced(values)
        self._measure(_text_lengths(reduced), counts)
        self._distinct.add(column_hashes(reduced))
        ends = pc.min_max(reduced)
        self._widen(ends["min"].as_py(), ends["max"].as_py())

    def _add_frequent(self, values: pa.Array, counts: Int64s) -> None:
        short = _text_lengths(values) <= LONGEST
        super()._add_frequent(values.filter(pa.array(short)), counts[short])

    def _parts(self, **found: Any) -> Parts:
        if self._low is not None:
            found |= {"minimum": self._low[:LONGEST], "maximum": self._high[:LONGEST]}
        return super()._parts(**found)


def _text_lengths(values: pa.Array) -> Int64s:
    is_bytes = pa.types.is_binary(values.type)
    return np.asarray(pc.binary_length(values) if is_bytes else pc.utf8_length(values)).astype(np.int64)


def item_counts(values: pa.Array) -> Int64s:
    """How many items each list, map or vector of an array without nulls has."""
    if pa.types.is_fixed_size_list(values.type):
        return np.full(len(values), values.type.list_size, np.int64)
    return np.diff(np.asarray(values.offsets)).astype(np.int64)


def column_profile(name: str, dtype: FeatureType, *, pii: bool = False) -> ColumnProfile:
    """What takes in the values of a feature of some type."""
    return (ColumnProfile if pii else _kind_of(dtype))(name, dtype)


def _kind_of(dtype: FeatureType) -> type[ColumnProfile]:
    if isinstance(dtype, List | Map | Vector):
        return LengthProfile
    if isinstance(dtype, ZonedTimestamp) or dtype == Date:
        return TimeProfile
    if dtype in (String, Bytes):
        return TextProfile
    return BoolProfile if dtype == Bool else NumberProfile
