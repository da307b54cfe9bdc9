"""``plan``, ``apply`` and ``retire``: from definitions in code to the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from featurestore.cli.options import (
    ConfigOption,
    DebugOption,
    EvolveOption,
    JsonOption,
    MessageOption,
    names,
)
from featurestore.cli.session import opened

if TYPE_CHECKING:
    from featurestore.planning.changes import Plan
    from featurestore.store import FeatureStore


def plan(config: ConfigOption = None, as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Show what apply would change, and change nothing."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import documents, output, render
        from featurestore.cli.modules import load_definitions

        planned = store.plan(load_definitions(store.project.config))
        output.show(documents.plan(planned), lambda _: render.plan(str(planned)), as_json=as_json)


def apply(
    message: MessageOption = "",
    evolve: EvolveOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Record the definitions in the registry, all or none. Shows the plan first; asks for nothing."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import output, render
        from featurestore.cli.modules import load_definitions

        objects = load_definitions(store.project.config)
        planned = store.plan(objects)
        if not as_json:
            render.plan(str(planned))
        # By the objects, not by the plan: of several that apply at one moment none has to start again.
        applied = store.apply(objects, message=message, evolve=names(evolve or ()))
        if applied.changes != planned.changes and not as_json:
            render.plan(str(applied))
        output.show(_outcome(store, applied), render.applied, as_json=as_json)


def retire(
    retired: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Views, services, or versions such as view@2.")
    ],
    message: MessageOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Retire views, services or single versions: not served any more, online rows reclaimed; the record stays."""
    with opened(config, debug=debug) as store:
        show_applied(store, store.retire(retired, message=message), as_json=as_json)


def show_applied(store: FeatureStore, applied: Plan, *, as_json: bool) -> None:
    """Show a plan that has been applied."""
    from featurestore.cli import output, render

    if not as_json:
        render.plan(str(applied))
    output.show(_outcome(store, applied), render.applied, as_json=as_json)


def _outcome(store: FeatureStore, applied: Plan) -> dict[str, Any]:
    from featurestore.cli import documents

    revision = store.project.registry.revision(project=applied.project)
    return {**documents.plan(applied), "revision": revision}
