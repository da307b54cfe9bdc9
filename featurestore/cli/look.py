"""``list`` and ``describe``: what the registry holds."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from featurestore.cli.options import ConfigOption, DebugOption, JsonOption, LimitOption
from featurestore.cli.session import opened


class Listed(StrEnum):
    """What can be listed."""

    ENTITIES = "entities"
    SOURCES = "sources"
    VIEWS = "views"
    SERVICES = "services"
    RUNS = "runs"


def list_(
    what: Annotated[Listed | None, typer.Argument(help="By default all but the runs.")] = None,
    limit: LimitOption = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List what is registered, or the latest runs."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import documents, output, render

        if what is Listed.RUNS:
            document = documents.runs(store.project, limit=limit)
        else:
            kinds = [what] if what else [kind for kind in Listed if kind is not Listed.RUNS]
            document = {kind.value: documents.listing(store.project, kind.value) for kind in kinds}
        output.show(document, render.listing, as_json=as_json)


def describe(
    name: Annotated[
        str, typer.Argument(metavar="NAME[@VERSION]", help="An entity, source, view or service.")
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show a definition with its hashes, its versions and who uses it."""
    plain, at, version = name.partition("@")
    if at and not version.isdecimal():
        raise typer.BadParameter(f"{version!r} is not a version; write e.g. {plain}@2.", param_hint="NAME")
    with opened(config, debug=debug) as store:
        from featurestore.cli import documents, output, render

        found = documents.descriptions(store.project, plain, int(version) if at else None)
        output.show({"definitions": found}, render.descriptions, as_json=as_json)
