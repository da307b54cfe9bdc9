"""What is expected of values, looked at as batches pass by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.expectation import Expectation
from featurestore.definitions.expectations import AllowedValues, NullShare, ValueRange
from featurestore.definitions.types import FeatureType
from featurestore.errors import DefinitionError
from featurestore.expectations.kept import KeptRows, RowShape
from featurestore.expectations.result import share_outcome
from featurestore.expectations.values import not_among, outside
from featurestore.protocols.expectations import CheckResult

OfValues = NullShare | ValueRange | AllowedValues


@dataclass
class _Count:
    rows: int = 0
    failing: int = 0


class ValueChecks:
    """Carries out what is expected of features' values, and counts rows.

    Args:
        expectations: those that are about values.
        types: of the features.
        shape: where the features are in a batch.
        kept: where failing rows go.

    Raises:
        DefinitionError: if one does not suit its feature's type.
    """

    def __init__(
        self,
        expectations: Sequence[Expectation],
        types: Mapping[str, FeatureType],
        shape: RowShape,
        kept: KeptRows,
    ) -> None:
        self._counts = {each: _Count() for each in expectations if isinstance(each, OfValues)}
        self._types = types
        self._shape = shape
        self._kept = kept
        self.rows = 0
        for each in self._counts:
            try:
                each.check_feature(types[each.feature])
            except ValueError as error:
                raise DefinitionError(f"{each!r}: {error}.") from error

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches as they come, looked at on their way."""
        for batch in batches:
            self.add(batch)
            yield batch

    def add(self, batch: pa.RecordBatch) -> None:
        """Look at the next rows."""
        self.rows += batch.num_rows
        for expectation, count in self._counts.items():
            column = batch.column(self._shape.features[expectation.feature])
            if isinstance(expectation, NullShare):
                count.rows += len(column)
                found = column.null_count
                failing = None
            else:
                count.rows += len(column) - column.null_count
                failing = self._failing(expectation, column)
                found = pc.sum(failing).as_py() or 0
            count.failing += found
            free = self._kept.free(expectation.name)
            if found and free > 0:
                rows = batch.filter(column.is_null() if failing is None else failing).slice(0, free)
                kept = self._shape.of(rows, expectation.feature, self._kept.column("event_timestamp"))
                self._kept.add(expectation.name, kept)

    def results(self) -> list[CheckResult]:
        """How they came out, over all rows that were looked at."""
        found = []
        for expectation, count in self._counts.items():
            nulls = isinstance(expectation, NullShare)
            what = "null" if nulls else "outside" if isinstance(expectation, ValueRange) else "not among them"
            found.append(
                share_outcome(
                    expectation,
                    count.failing,
                    count.rows,
                    expectation.at_most,
                    what=what,
                    of="rows" if nulls else "values",
                )
            )
        return found

    def _failing(self, expectation: ValueRange | AllowedValues, column: pa.Array) -> pa.Array:
        dtype = self._types[expectation.feature]
        if isinstance(expectation, ValueRange):
            return outside(column, dtype, expectation.minimum, expectation.maximum)
        return not_among(column, dtype, expectation.values)
