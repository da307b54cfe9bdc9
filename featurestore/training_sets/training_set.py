"""A saved training set: its rows, its manifest, and what can be done with it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from featurestore.errors import NotFoundError, RequestError
from featurestore.frames.convert import to_pandas, to_polars
from featurestore.project import Project
from featurestore.protocols.training_sets import ModelRelease, Note, TrainingSetRecord
from featurestore.sources.remote import is_remote
from featurestore.statistics.profile import Profile
from featurestore.statistics.slices import MINIMUM_GROUP
from featurestore.training_sets.check import Recreation, Verification, recreate, verify
from featurestore.training_sets.compare import Comparison, compare_manifests
from featurestore.training_sets.content import BLOCK_ROWS, Content
from featurestore.training_sets.expected import SetCheck
from featurestore.training_sets.export import export_parts
from featurestore.training_sets.profiles import saved_profile, sliced_profile
from featurestore.training_sets.remote_files import open_folder

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class TrainingSet:
    """A training frame that was saved, with the record of how it was made. Its data never change."""

    def __init__(self, project: Project, record: TrainingSetRecord, folder: Path | str | None = None) -> None:
        self._project = project
        self._record = record
        recorded = record.folder if is_remote(record.folder) else project.config.root / record.folder
        self._folder = open_folder(folder or recorded)

    @property
    def name(self) -> str:
        """Its name in the project."""
        return self._record.name

    @property
    def id(self) -> str:
        """SHA-256 (hex) of its manifest; `FeatureStore.training_set` finds it by the first 12 characters too."""
        return self._record.manifest_id

    @property
    def content_hash(self) -> str:
        """SHA-256 (hex) of its values, part by part."""
        return self._record.content_hash

    @property
    def created_at(self) -> datetime:
        """When it was recorded, by the registry's clock."""
        return self._record.created_at

    @property
    def author(self) -> str:
        """The account that made it."""
        return self._record.author

    @property
    def manifest(self) -> Mapping[str, Any]:
        """Everything it was made from and came out as, in JSON."""
        return self._record.manifest

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags."""
        return self._record.tags

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was noted about it, oldest first."""
        return self._record.notes

    @property
    def parts(self) -> Mapping[str, Content]:
        """Part to what it holds; one part ``all`` where there is no split."""
        return {part["name"]: Content.from_json(part) for part in self.manifest["parts"]}

    @property
    def expectations(self) -> tuple[SetCheck, ...]:
        """How what the views expect came out when the set was made."""
        return tuple(map(SetCheck.from_json, self.manifest.get("expectations", ())))

    @property
    def num_rows(self) -> int:
        """How many rows all parts have together."""
        return sum(content.rows for content in self.parts.values())

    def path(self, part: str | None = None) -> Path:
        """The Parquet file of a part; of a set in object storage, a copy that lasts as long as this object.

        Args:
            part: may be left out if there is one only.

        Raises:
            NotFoundError: if there is no such part, or its file is gone.
        """
        digest = self._content(part).hash
        if not self._folder.has(digest):
            raise NotFoundError(
                f"The data of training set {self.name!r} are gone: there is no file {self._folder.place(digest)}.",
                hint="training_set.recreate() computes them again and keeps them if they come out the same.",
            )
        return self._folder.local(digest)

    def to_batches(self, part: str | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of a part batch by batch."""
        with pq.ParquetFile(self.path(part)) as file:
            yield from file.iter_batches(batch_size=BLOCK_ROWS)

    def to_arrow(self, part: str | None = None) -> pa.Table:
        """The rows of a part as an Arrow table."""
        with pq.ParquetFile(self.path(part)) as file:
            return file.read()

    def to_polars(self, part: str | None = None) -> pl.DataFrame:
        """The rows of a part as a Polars data frame."""
        return to_polars(self.to_arrow(part))

    def to_pandas(self, part: str | None = None) -> pd.DataFrame:
        """The rows of a part as a pandas data frame with Arrow-backed types."""
        return to_pandas(self.to_arrow(part))

    def profile(
        self, part: str | None = None, *, slices: Sequence[str] = (), minimum_group: int = MINIMUM_GROUP
    ) -> Profile:
        """What the features' values are like: counts, extremes, quantiles, frequent values.

        Args:
            part: by default all of them together.
            slices: columns of the saved rows by whose values it is told too; the rows are read again for it.
            minimum_group: smaller groups are not shown by themselves.

        Raises:
            NotFoundError: if there is no such part or column, or the set has no statistics.
            RequestError: if a column to slice by is personal (tag ``pii``), or has too many values.
        """
        if not slices:
            return saved_profile(self._project, self._record, part)
        parts = list(self.parts) if part is None else [part]
        with pq.ParquetFile(self.path(parts[0])) as file:
            schema = file.schema_arrow
        batches = itertools.chain.from_iterable(self.to_batches(each) for each in parts)
        return sliced_profile(self._project, self._record, batches, schema, slices, minimum_group)

    def verify(self) -> Verification:
        """Read everything that is saved, and say what is not as it was."""
        return verify(self._record, self._folder)

    def recreate(self) -> Recreation:
        """Compute the set again from the sources as they are, and say whether it is the same, else what has changed.

        Files of the set that are gone are put back if it is the same.

        Raises:
            NotFoundError: if the saved entity rows are gone.
            SourceError: if a source cannot be read.
            TransformError: if the code of a transform is not the one that was recorded.
        """
        return recreate(self._project, self._record, self._folder)

    def compare(self, other: TrainingSet) -> Comparison:
        """What differs between this set and another one; print it to read it."""
        return compare_manifests(self._record, other._record)

    def export(
        self, folder: str | Path, *, form: str = "parquet", parts: Sequence[str] | None = None
    ) -> list[Path]:
        """Copy the rows, one file per part, and the manifest to a folder.

        Args:
            folder: made if need be; files in it are not overwritten.
            form: ``parquet`` or ``csv``.
            parts: by default all.

        Raises:
            RequestError: if a file is there already, or there is no such form.
            NotFoundError: if there is no such part.
        """
        chosen = {part: self.path(part) for part in (self.parts if parts is None else parts)}
        return export_parts(chosen, self._record, Path(folder), form)

    def tag(self, **tags: str | None) -> None:
        """Set tags; None removes one."""
        self._annotate(tags=tags)

    def note(self, text: str) -> None:
        """Add a note, such as why a feature was left out."""
        self._annotate(note=text)

    def record_model(self, name: str, version: str) -> ModelRelease:
        """Record that a release of a model was trained on this set, so that plans and lineages reach it.

        Args:
            name: of the model, such as ``delays``.
            version: of the release, as your own system of models calls it.

        Raises:
            RequestError: if that is recorded already, or a name is none.
        """
        for text in (name, version):
            if not _NAME.fullmatch(text):
                raise RequestError(
                    f"{text!r} can name neither a model nor its version.",
                    hint="Use letters, digits, dots, dashes and underscores, e.g. delays and 7.",
                )
        return self._project.registry.add_model_release(
            project=self._project.name, training_set=self.name, name=name, version=version
        )

    def models(self, *, limit: int = 100) -> list[ModelRelease]:
        """The releases of models that were trained on this set, newest first."""
        return self._project.registry.model_releases(
            project=self._project.name, training_set=self.name, limit=limit
        )

    def __repr__(self) -> str:
        rows = ", ".join(f"{name}: {content.rows:,} rows" for name, content in self.parts.items())
        return f"TrainingSet({self.name!r}, {rows}, id {self.id[:12]})"

    def _repr_html_(self) -> str:
        from featurestore.training_sets.html import set_facts, set_fragment

        found: Profile | str
        try:
            found = self.profile()
        except NotFoundError as error:
            found = error.message
        facts = set_facts(self.id, self.manifest, self.created_at, self.author)
        return str(set_fragment(self.name, facts, found))

    def _annotate(self, *, tags: Mapping[str, str | None] | None = None, note: str = "") -> None:
        self._record = self._project.registry.annotate_training_set(
            project=self._project.name, name=self.name, tags=tags, note=note
        )

    def _content(self, part: str | None) -> Content:
        if part is None and len(self.parts) == 1:
            return next(iter(self.parts.values()))
        if part is None or part not in self.parts:
            raise NotFoundError.of("Part", part or "", self.parts, where=f"training set {self.name!r}")
        return self.parts[part]
