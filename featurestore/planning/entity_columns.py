"""Whether entity rows have the columns that a request needs."""

from __future__ import annotations

from collections.abc import Sequence

from featurestore.definitions.base import RESERVED_PREFIX
from featurestore.errors import EntityDataError, NameClashError, NotFoundError
from featurestore.planning.request import Request


def check_entity_columns(request: Request, names: Sequence[str]) -> None:
    """Check that entity rows with these columns can be completed by the request.

    Raises:
        EntityDataError: if a join key is missing, or two views want different types of one column.
        NameClashError: if a feature would be called like one of the columns.
    """
    wanted: dict[str, tuple[str, object]] = {}
    for view in request.views:
        for key, dtype in view.view.join_keys.items():
            column = view.entity_column(key)
            if column not in names:
                missing = NotFoundError.of("Join key", column, names, where="the entity rows")
                raise EntityDataError(
                    f"View {view.label!r}: {missing.message}",
                    hint=f"Add the column (df.reset_index() makes one of a pandas index), or take the key from "
                    f'another one: view.with_join_keys({{"{key}": "…"}}).',
                )
            other, expected = wanted.setdefault(column, (view.label, dtype))
            if expected != dtype:
                raise EntityDataError(
                    f"Column {column!r} is a join key of type {expected} for view {other!r} and of type {dtype} "
                    f"for view {view.label!r}.",
                    hint="Rename the key of one of them with with_join_keys.",
                )
    for output in request.outputs:
        if output in names:
            raise NameClashError(
                f"The entity rows already have a column called {output!r}, which is also a requested feature.",
                hint="Use full_feature_names=True, or rename or drop the column.",
            )
    for name in names:
        if name.startswith(RESERVED_PREFIX):
            raise NameClashError(f"The entity rows have a column {name!r}: {RESERVED_PREFIX!r} is reserved.")
