"""Copies of training sets for others: one file per part, and the manifest."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from featurestore.definitions.base import canonical_json
from featurestore.errors import RequestError
from featurestore.frames.atomic_file import atomic_path
from featurestore.protocols.training_sets import TrainingSetRecord

FORMS = ("parquet", "csv")


def export_parts(parts: Mapping[str, Path], record: TrainingSetRecord, folder: Path, form: str) -> list[Path]:
    """Copy files of parts to a folder, and the manifest beside them.

    Raises:
        RequestError: if a file is there already, or there is no such form.
    """
    if form not in FORMS:
        raise RequestError(
            f"Training sets are not exported as {form!r}.", hint=f"The forms are {' and '.join(FORMS)}."
        )
    targets = {part: folder / f"{record.name}.{part}.{form}" for part in parts}
    manifest = folder / f"{record.name}.manifest.json"
    for target in (*targets.values(), manifest):
        if target.exists():
            raise RequestError(f"{target} is there already.", hint="Remove it, or take another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for part, target in targets.items():
        with atomic_path(target) as unfinished:
            if form == "parquet":
                shutil.copyfile(parts[part], unfinished)
            else:
                _write_csv(parts[part], unfinished)
    with atomic_path(manifest) as unfinished:
        unfinished.write_text(canonical_json(record.manifest), encoding="utf-8")
    return [*targets.values(), manifest]


def _write_csv(source: Path, target: Path) -> None:
    with pq.ParquetFile(source) as file:
        try:
            with pa.csv.CSVWriter(target, file.schema_arrow) as writer:
                for batch in file.iter_batches():
                    writer.write_batch(batch)
        except pa.ArrowInvalid as error:
            raise RequestError(
                f"The rows do not fit into CSV: {error}.", hint="Export them as Parquet."
            ) from error
