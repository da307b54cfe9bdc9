"""``get-online``: features of some entities, as a model in service reads them."""

from __future__ import annotations

from typing import Annotated

import typer

from featurestore.cli.options import (
    ConfigOption,
    DebugOption,
    EntityFileOption,
    FeaturesOption,
    FullNamesOption,
    JsonOption,
    instant,
    names,
)
from featurestore.cli.session import opened


def get_online(
    *,
    features: FeaturesOption,
    entity: Annotated[
        list[str] | None,
        typer.Option(
            "--entity",
            "-e",
            metavar="KEY=VALUE",
            help="One entity; several join keys with commas: origin=JFK,dest=LAX. Repeated for more entities.",
        ),
    ] = None,
    entities: EntityFileOption = None,
    now: Annotated[
        str | None, typer.Option(metavar="TIME", help="When rows are judged expired; by default now.")
    ] = None,
    full_feature_names: FullNamesOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Look up features of entities in the online store, with statuses and event timestamps."""
    if entity and entities:
        raise typer.BadParameter("Give one of the two.", param_hint="--entity, --entities")
    judged = instant(now, "--now")
    with opened(config, debug=debug) as store:
        from featurestore.cli import documents, output, render
        from featurestore.cli.rows import parse_rows, read_table
        from featurestore.planning.request import resolve_request

        wanted, catalog = names(features), store.project.catalog()
        request = resolve_request(wanted, catalog, full_feature_names=full_feature_names)
        rows = read_table(entities, wanted, catalog) if entities else parse_rows(entity or [], request)
        answer = store.get_online_features(wanted, rows, full_feature_names=full_feature_names, now=judged)
        output.show(documents.online(answer, request), render.online, as_json=as_json)
