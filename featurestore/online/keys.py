"""Entity keys as bytes, and where they live in the store.

The values of the join keys follow one another in the order of the keys' names. Integers are big-endian with
the sign bit flipped (bytes are in the order of the numbers), a date is its days as an int32, a timestamp its
microseconds as an int64, a bool one byte; a string or bytes is its length (u32, big-endian) and its bytes,
so that no two entities share a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from featurestore.definitions.types import FeatureType
from featurestore.errors import EntityDataError
from featurestore.online.key_values import value_packer

if TYPE_CHECKING:
    import pyarrow as pa

_KEY_START = b"{e"
_KEY_END = b"}"


def space_of(project: str, view: str, version: int, generation: int) -> bytes:
    """The space of one generation of a view version.

    Names hold no colon, so no space is the beginning of another.
    """
    return f"fs1:{project}:{view}@{version}:{generation}:".encode()


def key_frame(space: bytes) -> tuple[bytes, bytes]:
    """What stands before and after an entity key in the full key of a row.

    It makes the entity key a Redis Cluster hash tag, so that all views of an entity live in one slot
    (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags). The letter keeps
    the tag from being empty; a ``}`` inside the key shortens the tag, alike in all views.
    """
    return space + _KEY_START, _KEY_END


class EntityKeyEncoder:
    """Join keys of one view to key bytes and back.

    Args:
        join_keys: types by name.
    """

    def __init__(self, join_keys: Mapping[str, FeatureType]) -> None:
        self._names = list(join_keys)
        self._keys = sorted(join_keys.items())
        self._packers = [(name, value_packer(name, dtype)) for name, dtype in self._keys]

    def encode(self, table: pa.Table | pa.RecordBatch) -> pa.LargeBinaryArray:
        """The key of each row, null where a join key is null.

        Raises:
            EntityDataError: if a join key is missing or of another type.
        """
        from featurestore.online.key_columns import columns_to_keys

        for name, _ in self._keys:
            self._check_has(name, table.schema.names)
        return columns_to_keys(table, self._keys)

    def encode_rows(self, columns: Mapping[str, Sequence[object]]) -> list[bytes | None]:
        """The same for a handful of rows in Python.

        Raises:
            EntityDataError: if a join key is missing, or a value of another type or out of range.
        """
        packed: list[list[bytes | None]] = []
        for name, pack in self._packers:
            self._check_has(name, columns)
            packed.append([None if value is None else pack(value) for value in columns[name]])
        if len(packed) == 1:
            return packed[0]
        if not packed:
            raise EntityDataError(
                "An entity without join keys has one key for all rows.", hint="Use encode with a table."
            )
        return [
            None if None in parts else b"".join(filter(None, parts)) for parts in zip(*packed, strict=True)
        ]

    def decode(self, keys: Sequence[bytes]) -> pa.Table:
        """The join keys of entity keys, a column each.

        Raises:
            RowFormatError: if a key is not one of this entity.
        """
        from featurestore.online.key_columns import keys_to_columns

        return keys_to_columns(keys, self._keys).select(self._names)

    def _check_has(self, name: str, names: Sequence[str] | Mapping[str, object]) -> None:
        if name not in names:
            raise EntityDataError(f"Join key {name!r} is missing; there are: {', '.join(names) or 'none'}.")
