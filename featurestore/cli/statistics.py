"""``statistics``: what the values of a view or a training set are like."""

from __future__ import annotations

from typing import Annotated

import typer

from featurestore.cli.options import ConfigOption, DebugOption, JsonOption, instant, names
from featurestore.cli.session import opened


def statistics(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A view (view, view@version, view:feature) or a training set."),
    ],
    *,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Of a view: only runs for instants after this one.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Of a view: only runs for instants up to this one.")
    ] = None,
    run: Annotated[int | None, typer.Option(metavar="NUMBER", help="Of a view: only this run.")] = None,
    part: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a training set: only this part.")
    ] = None,
    slices: Annotated[
        list[str] | None,
        typer.Option("--slice", metavar="COLUMN", help="Of a training set: by the values of a column too."),
    ] = None,
    minimum_group: Annotated[
        int, typer.Option(min=1, metavar="ROWS", help="Smaller groups are not shown by themselves.")
    ] = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what was recorded of features' values: counts, extremes, quantiles, frequent values."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import output, statistics_render
        from featurestore.cli.statistics_documents import document, is_view

        if is_view(store, name):
            if part is not None or slices:
                raise typer.BadParameter("--part and --slice are for training sets.", param_hint="NAME")
            found = store.get_statistics(
                name, since=instant(since, "--since"), until=instant(until, "--until"), run=run
            )
        else:
            if since is not None or until is not None or run is not None:
                raise typer.BadParameter("--since, --until and --run are for views.", param_hint="NAME")
            found = store.training_set(name).profile(
                part, slices=names(slices or []), minimum_group=minimum_group
            )
        output.show(document(name, found), statistics_render.profile, as_json=as_json)
