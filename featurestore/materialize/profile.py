"""What a run records of the values that it writes."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from featurestore.definitions.view import FeatureView
from featurestore.protocols.offline import EVENT_COLUMN

if TYPE_CHECKING:
    from featurestore.statistics.collect import Collector


def run_collector(view: FeatureView, personal: Collection[str]) -> Collector:
    """What profiles the rows of a run as they come from the engine.

    Args:
        view: whose features are profiled, and whose event times are.
        personal: features of which no values are kept.
    """
    from featurestore.statistics.collect import Collector, ProfiledColumn

    columns = [ProfiledColumn(f.name, f.dtype, f.name in personal) for f in view.features]
    return Collector(columns, event=lambda batch: batch.column(EVENT_COLUMN))
