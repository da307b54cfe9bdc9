"""What the online benchmarks serve: a row of fifty floats for each entity, cut into views of ten or into one.

The rows are written once as Parquet, from which the library materializes; floors load the same numbers.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.data import END, ROW_GROUP, SEED, Scale, once, times, write

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    import featurestore as fs

NAMES = tuple(f"v{number:02}" for number in range(50))
WIDTH = 10
VIEWS = len(NAMES) // WIDTH
KEY = "entity_id"
EVENT = "event_timestamp"
WIDE = "wide"


def path(scale: Scale) -> Path:
    """The rows that are read."""
    return scale.directory / "online" / "rows.parquet"


def many_path(scale: Scale, count: int) -> Path:
    """So many rows of ten features, which are written."""
    return scale.directory / "online" / f"rows_{count}.parquet"


def make(scale: Scale, counts: Sequence[int] = ()) -> None:
    """Write the files unless they are there already, in a process of its own: see `harness` on peak memory."""
    program = "from benchmarks import data, rows; rows.ensure(data.SCALES[{0!r}], {1!r})"
    subprocess.run([sys.executable, "-c", program.format(scale.name, list(counts))], check=True)


def ensure(scale: Scale, counts: Sequence[int]) -> None:
    """Write the files unless they are there already."""
    path(scale).parent.mkdir(parents=True, exist_ok=True)
    once(scale, "online/rows", 1, lambda: write(path(scale), _tables(scale.entities, len(NAMES))))
    for count in counts:
        make_many = partial(_write_many, many_path(scale, count), count)
        once(scale, f"online/rows_{count}", 1, make_many)


def _write_many(file: Path, count: int) -> None:
    write(file, _tables(count, WIDTH))


def _tables(count: int, width: int) -> Iterator[pa.Table]:
    import numpy as np
    import pyarrow as pa

    rng = np.random.default_rng(SEED + 7)
    event = int(END.timestamp() * 1e6) - 1
    for start in range(0, count, ROW_GROUP):
        keys = np.arange(start, min(start + ROW_GROUP, count), dtype=np.int64)
        columns = {KEY: pa.array(keys), EVENT: times(np.full(len(keys), event, np.int64))}
        yield pa.table(columns | {name: pa.array(rng.random(len(keys))) for name in NAMES[:width]})


def values(file: Path, width: int) -> npt.NDArray[np.float64]:
    """The features of the first columns as a matrix, one row for each entity, numbered from 0."""
    import numpy as np
    import pyarrow.parquet as pq

    table = pq.read_table(file, columns=list(NAMES[:width]))
    return np.column_stack([table[name].to_numpy() for name in NAMES[:width]])


def matrix(read: Sequence[Mapping[str, Any]], names: Sequence[str] = NAMES) -> npt.NDArray[np.float64]:
    """The features of rows that were read, one row for each entity."""
    import numpy as np

    return np.array([[row[name] for name in names] for row in read])


def service(views: int) -> str:
    """The service that reads the first so many views of ten features."""
    return f"views_{views}"


def one_view(file: Path, names: Sequence[str] = NAMES) -> list[Any]:
    """One view of some features over one file, and its service."""
    import featurestore as fs

    entity = fs.Entity("customer", join_keys={KEY: fs.Int64})
    source = fs.ParquetSource("rows", path=str(file), event_timestamp=EVENT)
    view = _view("all_of_it", entity, source, names)
    return [entity, source, view, fs.FeatureService(WIDE, features=[view])]


def definitions(file: Path, *, wide: bool = False, views: int = VIEWS) -> list[Any]:
    """Views of ten features over one file, or one of fifty, and a service for each number of views."""
    import featurestore as fs

    if wide:
        return one_view(file)
    entity = fs.Entity("customer", join_keys={KEY: fs.Int64})
    source = fs.ParquetSource("rows", path=str(file), event_timestamp=EVENT)
    parts = [
        _view(f"part_{number}", entity, source, NAMES[number * WIDTH : (number + 1) * WIDTH])
        for number in range(views)
    ]
    services = [
        fs.FeatureService(service(count), features=parts[:count]) for count in sorted({1, views})
    ]  # fmt: skip
    return [entity, source, *parts, *services]


def _view(name: str, entity: fs.Entity, source: Any, names: Sequence[str]) -> fs.FeatureView:
    import featurestore as fs

    features = [fs.Feature(feature, fs.Float64) for feature in names]
    return fs.FeatureView(name, entities=[entity], source=source, features=features)


def open_store(
    directory: Path, online: str, defined: list[Any], *, offline: str = "duckdb"
) -> fs.FeatureStore:
    """A store with a registry of its own and the definitions applied."""
    import featurestore as fs

    store = fs.FeatureStore(
        registry=f"sqlite:///{directory / 'registry.db'}",
        online=online,
        offline=offline,
        project="benchmark",
    )
    store.apply(defined)
    return store
