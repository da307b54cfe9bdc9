"""The entity rows of an online read, in whatever form they come: their columns and their keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from featurestore.errors import EntityDataError, NameClashError
from featurestore.online.serving import ServedView, ServingPlan

if TYPE_CHECKING:
    import pyarrow as pa

Columns: TypeAlias = Mapping[str, Sequence[Any]]
_MOST_CHECKED = 100


class AskedEntities:
    """Entity rows of a request.

    Args:
        rows: a list of dicts, a dict of columns, or a frame, for which Arrow is loaded.
        plan: of the request.

    Attributes:
        columns: values by column.
        count: how many rows there are.

    Raises:
        EntityDataError: if a column is missing, or the rows are not all alike.
        NameClashError: if a column is called like a requested feature.
    """

    def __init__(self, rows: Any, plan: ServingPlan) -> None:
        self._table: pa.Table | None = None
        self.columns: Columns
        if isinstance(rows, list):
            self.columns, self.count = _from_dicts(rows, plan), len(rows)
        elif isinstance(rows, Mapping):
            self.columns = {name: _values(name, values) for name, values in rows.items()}
            self.count = _length(self.columns, plan)
        else:
            from featurestore.frames.convert import to_arrow_table

            self._table = table = to_arrow_table(rows, what="the entity rows")
            _check_columns(table.schema.names, plan)
            self.columns = {name: table.column(name).to_pylist() for name in table.schema.names}
            self.count = table.num_rows

    def keys(self, view: ServedView) -> list[bytes | None]:
        """The entity key of each row for a view, None where a join key is null; just one for a view without any.

        Raises:
            EntityDataError: if a join key is of another type.
        """
        if not view.entity_columns:
            return [b""] if self.count else []
        if self._table is not None:
            return self._keys_of_table(self._table, view)
        columns = self.columns
        return view.layout.keys.encode_rows({key: columns[column] for key, column in view.entity_columns})

    @staticmethod
    def _keys_of_table(table: pa.Table, view: ServedView) -> list[bytes | None]:
        import pyarrow as pa

        from featurestore.frames.keys import key_column

        types = view.layout.view.join_keys
        keys = {
            key: key_column(table.column(name), types[key], name=name) for key, name in view.entity_columns
        }
        encoded: list[bytes | None] = view.layout.keys.encode(pa.table(keys)).to_pylist()
        return encoded


def _from_dicts(rows: list[Mapping[str, Any]], plan: ServingPlan) -> Columns:
    if not rows:
        return {column: [] for column in plan.entity_columns()}
    try:
        first = tuple(rows[0].keys())
        _check_columns(first, plan)
        return {name: [row[name] for row in rows] for name in first}
    except (KeyError, AttributeError, TypeError) as error:
        raise EntityDataError(
            "The entity rows are not all dicts with the same keys as the first one.",
            hint='Give e.g. [{"tailnum": "N14228"}, {"tailnum": "N24211"}]; a missing key is None.',
        ) from error


def _values(name: str, values: Any) -> Sequence[Any]:
    listed: Sequence[Any] = values
    if type(values) is not list:
        import pyarrow as pa

        from featurestore.frames.convert import check_column

        check_column(name, values)
        if isinstance(values, pa.Array | pa.ChunkedArray):
            listed = values.to_pylist()
    return listed


def _length(columns: Columns, plan: ServingPlan) -> int:
    _check_columns(tuple(columns), plan)
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise EntityDataError(f"The columns of the entity rows have different lengths: {sorted(lengths)}.")
    return lengths.pop() if lengths else 0


def _check_columns(names: Sequence[str], plan: ServingPlan) -> None:
    if (known := tuple(names)) in plan.checked:
        return
    for name in names:
        if name in plan.outputs:
            raise NameClashError(
                f"The entity rows have a column {name!r}, which is also a requested feature.",
                hint="Drop the column, or use full_feature_names=True.",
            )
    for view in plan.views:
        for key, column in view.entity_columns:
            if column not in names:
                raise EntityDataError(
                    f"View {view.label!r} needs join key {key!r} in column {column!r}; the entity rows have: "
                    f"{', '.join(names) or 'none'}.",
                    hint=f"Add it (df.reset_index() makes a column of a pandas index), or take the key from another "
                    f'column: view.with_join_keys({{"{key}": "…"}}).',
                )
    if len(plan.checked) < _MOST_CHECKED:
        plan.checked.add(known)
