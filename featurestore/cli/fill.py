"""``materialize`` and ``status``: filling the online store, and where it stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from featurestore.cli.options import ConfigOption, DebugOption, EngineOption, JsonOption, instant, names
from featurestore.cli.session import opened


def materialize(
    *,
    views: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES", help="Repeated or with commas; by default all that are served online."),
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="TIME", help="The instant whose values are served; by default now.")
    ] = None,
    incremental: Annotated[
        bool, typer.Option("--incremental", help="Look only at entities that may have changed.")
    ] = False,
    engine: EngineOption = None,
    max_rows_per_second: Annotated[
        float | None,
        typer.Option(
            metavar="ROWS", help="Write no faster, to spare those who read; by default at full speed."
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Fill the online store with each entity's values at one instant."""
    until = instant(end, "--end")
    with opened(config, debug=debug) as store:
        from featurestore.cli import documents, output, render

        run = store.materialize_incremental if incremental else store.materialize
        reports = run(
            end=until,
            views=names(views) if views else None,
            engine=engine,
            max_rows_per_second=max_rows_per_second,
        )
        document = {"runs": [documents.report(report) for report in reports]}
        output.show(document, render.materialized, as_json=as_json)


def status(config: ConfigOption = None, as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Show where each view stands online, and how its last run went."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import documents, output, render

        document = documents.status(store.project, now=datetime.now(UTC))
        output.show(document, render.status, as_json=as_json)
