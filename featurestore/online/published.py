"""Which rows are served: those of the published generation of a version that is not retired."""

from __future__ import annotations

from featurestore.errors import NotMaterializedError
from featurestore.online.layout import ViewLayout
from featurestore.protocols.records import StoredVersion, ViewState


def check_not_retired(stored: StoredVersion) -> None:
    """Check that a version may still be served.

    Raises:
        NotMaterializedError: if it is retired: its rows are being reclaimed.
    """
    if stored.retired:
        raise NotMaterializedError(
            f"View {stored.name!r} version {stored.version} is retired: it is not served any more.",
            hint="Offline it can still be read.",
        )


def published_generation(layout: ViewLayout, state: ViewState) -> int:
    """The generation that is served.

    Raises:
        NotMaterializedError: if none are.
    """
    if state.generation is None:
        raise NotMaterializedError(
            f"View {layout.view.name!r} version {layout.version} has not been materialized yet.",
            hint=f'Run store.materialize(views=["{layout.view.name}"]) once.',
        )
    return state.generation
