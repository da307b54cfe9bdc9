"""``check-leakage``: do values know what was not knowable at their time?"""

from __future__ import annotations

from typing import Annotated

import typer

from featurestore.cli.options import ConfigOption, DebugOption, EngineOption, JsonOption
from featurestore.cli.session import opened


def check_leakage(
    features: Annotated[list[str], typer.Argument(metavar="NAMES...", help="Services, views or features.")],
    *,
    samples: Annotated[int, typer.Option(min=1, help="At how many instants to look.")] = 10,
    available_at: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="When a row was known, where the source does not declare it."),
    ] = None,
    engine: EngineOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Take values again with the future cut off at the source, and show those that change.

    Exit code 1 if there are any.
    """
    with opened(config, debug=debug) as store:
        from featurestore.cli import documents, output, render

        report = store.check_leakage(features, samples=samples, available_at=available_at, engine=engine)
        output.show(documents.leakage(report), render.leakage, as_json=as_json)
    if not report.clean:
        raise typer.Exit(1)
