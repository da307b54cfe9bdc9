"""``history``, ``diff``, ``promote``, ``rollback`` and ``audit``: versions and the record of changes."""

from __future__ import annotations

from typing import Annotated

import typer

from featurestore.cli.options import (
    ConfigOption,
    DebugOption,
    EvolveOption,
    JsonOption,
    LimitOption,
    MessageOption,
    names,
)
from featurestore.cli.session import opened

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A view or service, else an entity or source.")
]
ViewArgument = Annotated[str, typer.Argument(metavar="VIEW", help="A feature view.")]


def history(
    name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Show every version of a definition: who made it, when, why, and from which code."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import output, version_documents, version_render

        document = version_documents.history(name, store.history(name))
        output.show(document, version_render.history, as_json=as_json)


def diff(
    name: NameArgument,
    old: Annotated[int | None, typer.Argument(help="A version; by default the one before.")] = None,
    new: Annotated[int | None, typer.Argument(help="Another; by default the newest.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Tell what differs between two versions, and what that means."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import output, version_documents, version_render

        found = store.diff(name, old, new)
        output.show(version_documents.diff(found), lambda _: version_render.diff(found), as_json=as_json)


def lineage(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A view, view@version, view:feature, service, source, entity or training set.",
        ),
    ],
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a Mermaid flowchart.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Tell what something is made from, down to columns, and what is made from it."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import output

        found = store.lineage(name)
        document = {**found.to_dict(), "mermaid": found.to_mermaid()}
        text = found.to_mermaid() if mermaid else str(found)
        output.show(document, lambda _: output.say(text), as_json=as_json)


def promote(
    version: Annotated[str, typer.Argument(metavar="VIEW@VERSION", help="A version that is filled.")],
    message: MessageOption = "",
    evolve: EvolveOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a version the one that the view's name means."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import define

        define.show_applied(
            store, store.promote(version, message=message, evolve=names(evolve or ())), as_json=as_json
        )


def rollback(
    view: ViewArgument,
    message: MessageOption = "",
    evolve: EvolveOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Go back to the version that was active before; once more takes it back."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import define

        define.show_applied(
            store, store.rollback(view, message=message, evolve=names(evolve or ())), as_json=as_json
        )


def audit(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only what happened to this.")] = None,
    limit: LimitOption = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show who changed what, when, from where and with which effect; the latest first."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import output, version_documents, version_render

        document = version_documents.audit(store.audit(name, limit=limit))
        output.show(document, version_render.audit, as_json=as_json)
