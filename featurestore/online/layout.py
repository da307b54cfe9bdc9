"""How the rows of one view version lie in the online store: spaces, keys, row format, how long they are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from featurestore.definitions.view import FeatureView
from featurestore.online.codec import RowCodec
from featurestore.online.keys import EntityKeyEncoder, space_of
from featurestore.protocols.online import SpaceKeys

_MARKS = 0  # generations have the numbers of runs, which begin at 1
REPLAY = timedelta(days=1)
"""How much longer than its ttl a row is kept at least, so that a past instant can be read again (``now=``)."""


@dataclass(frozen=True)
class ViewLayout:
    """The layout of one version of a view.

    Attributes:
        keys: join keys to key bytes and back.
        codec: features to row bytes and back.
        keep_for: the store reclaims a row no earlier than this after it was written; None: never.
    """

    project: str
    view: FeatureView
    version: int
    keys: EntityKeyEncoder
    codec: RowCodec
    keep_for: timedelta | None

    @classmethod
    def of(cls, view: FeatureView, *, project: str, version: int) -> ViewLayout:
        """The layout of a view version in a project."""
        features = [(feature.name, feature.dtype) for feature in view.features]
        label = f"{view.name}@{version}"
        return cls(
            project,
            view,
            version,
            EntityKeyEncoder(view.join_keys),
            RowCodec(features, label=label),
            None if view.ttl is None else view.ttl + REPLAY,
        )

    def space(self, generation: int) -> bytes:
        """The key prefix of one generation."""
        return space_of(self.project, self.view.name, self.version, generation)

    def marks(self, generations: Iterable[int]) -> SpaceKeys:
        """Where the marks of generations are, which say that their rows are there.

        A mark is a row's header: its event is the instant up to which the generation has been filled. It is written
        after the rows, so where it is, on a replica too, they are.
        """
        return SpaceKeys(self.space(_MARKS), [b"%d" % generation for generation in generations])
