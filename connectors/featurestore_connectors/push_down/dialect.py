"""What differs between the databases that joins run in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from featurestore.definitions.types import FeatureType
from featurestore.protocols.offline import WindowColumn

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from featurestore_connectors.push_down.inputs import Input

ENTITIES, GIVEN = "fs_entities", "fs_given"


@dataclass(frozen=True, slots=True)
class Lookup:
    """How an index leads to the rows of an entity before a time.

    Attributes:
        event: the column of event timestamps, as it is stored.
        seen: the condition that it is seen by an entity row ``e``.
    """

    event: str
    seen: str


class Column(Protocol):
    """A column of a table or query."""

    @property
    def name(self) -> str:
        """Its name, as definitions write it."""
        ...

    @property
    def sql(self) -> str:
        """The column itself, over rows called ``s``."""
        ...

    @property
    def returned(self) -> str:
        """The expression that is read."""
        ...

    @property
    def type(self) -> pa.DataType:
        """The Arrow type that values have."""
        ...

    @property
    def text(self) -> bool:
        """Whether it is read as the type that a view declares."""
        ...


class Session(Protocol):
    """A connection for one use."""

    def run(self, *statements: str) -> None:
        """Run statements that return nothing."""
        ...

    def table(self, query: str) -> pa.Table:
        """The rows of a query."""
        ...

    def ingest(self, table: str, rows: pa.Table) -> None:
        """Make a temporary table of rows; from then on the session only reads."""
        ...

    def stage(self, table: str, rows: pa.Table) -> None:
        """Make a temporary table of rows."""
        ...

    def create_table(self, name: str, query: str, *, replace: bool) -> None:
        """Make a table of a query's rows, which is there when all of it is."""
        ...

    def batches(self, query: str) -> Iterator[pa.RecordBatch]:
        """The rows of a query as they come; the session is closed when they end, or are given up."""
        ...

    def close(self) -> None:
        """Give the connection back; what it made is gone."""
        ...


class Dialect(Protocol):
    """The parts of a statement that each database writes in its own way.

    An *instant* is an expression that can be compared with `moment`, and that is returned as something that Arrow
    casts to microseconds since the epoch.
    """

    no_instant: str
    nearest: bool  # whether it has an ASOF JOIN
    earliest: int  # of the instants that it has
    materialized: str  # what says that a common table expression is computed once

    def rows_of(self, source: Any) -> str:
        """What stands after FROM, under the name ``s``."""
        ...

    def instant(self, column: Any, zone: str, *, up: bool = True) -> str:
        """A column of times as an instant; digits beyond microseconds are rounded up or down."""
        ...

    def finite(self, instant: str) -> str:
        """The instant, or an error where it is infinite."""
        ...

    def moment(self, microseconds: int) -> str:
        """An instant as SQL."""
        ...

    def later_by(self, instant: str, microseconds: int) -> str:
        """The instant so much later."""
        ...

    def microseconds(self, instant: str) -> str:
        """An instant as whole microseconds since the epoch; those before and after all times as the ends of 64 bits."""
        ...

    def within(self, column: Any, zone: str, earliest: int | None, latest: int | None) -> list[str]:
        """Conditions that times are within bounds, or near to them."""
        ...

    def key(self, column: Any, dtype: FeatureType, zone: str) -> str:
        """A join key, to be compared with those of entity rows."""
        ...

    def value(self, column: Any, dtype: FeatureType, zone: str) -> str:
        """A feature as it is returned."""
        ...

    def order(self, column: Any, dtype: FeatureType) -> list[str]:
        """Expressions whose tuple is ordered as rule 3 orders the values, null lowest; none if `orders` is false."""
        ...

    def orders(self, dtype: FeatureType) -> bool:
        """Whether values of a type can be ordered as rule 3 does."""
        ...

    def alike(self, column: Any) -> str:
        """Of values that cannot be ordered an expression, never null, that tells which are the same."""
        ...

    def sent_instants(self, instants: npt.NDArray[np.int64], absent: npt.NDArray[np.bool_]) -> pa.Array:
        """Instants of entity rows, as they are loaded."""
        ...

    def sent_keys(self, keys: pa.ChunkedArray) -> pa.ChunkedArray:
        """Keys as they are loaded; those that no row of the database can have are null."""
        ...

    def sent_column(self, column: pa.ChunkedArray, sql: str) -> tuple[pa.ChunkedArray, str] | None:
        """Any column as it is loaded, and what it was in SQL, given the loaded one; None if there is no such type."""
        ...

    def stored(self, sql: str, column: Any, dtype: FeatureType, zone: str) -> str:
        """A feature as `value` (of a column) or `aggregated` (None) returns it in the type that a table has for it."""
        ...

    def column_name(self, name: str) -> str:
        """The name of a column in the database."""
        ...

    def table_name(self, name: str) -> str:
        """The name of a table as SQL."""
        ...

    def refused(self, dtypes: Sequence[FeatureType]) -> str | None:
        """What, of values of such types, the database cannot return."""
        ...

    def unaggregated(self, window: WindowColumn) -> str | None:
        """Why the database cannot give what an aggregation is; None if it can."""
        ...

    def aggregated(self, each: Input) -> str:
        """The value of an aggregation over groups called ``a``, which may be null for want of rows."""
        ...

    def series(self, values: Sequence[str], dtype: FeatureType) -> str:
        """Values as a list."""
        ...

    def compared(self, column: Any) -> str:
        """A column of numbers, texts or bools, as conditions compare it."""
        ...

    def text(self, value: str) -> str:
        """A text as SQL."""
        ...


Columns = Mapping[str, Any]
