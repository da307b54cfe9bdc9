"""``expectations …``: look whether rows are as their views expect, and how that came out before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from featurestore.cli.options import (
    ConfigOption,
    DebugOption,
    EngineOption,
    JsonOption,
    LimitOption,
    OutputOption,
    instant,
    names,
)
from featurestore.cli.session import opened

ViewArgument = Annotated[str, typer.Argument(metavar="VIEW[@VERSION]", help="A feature view.")]
RunOption = Annotated[int | None, typer.Option(metavar="NUMBER", help="The run; by default the latest.")]
app = typer.Typer(help="What views expect of their rows.", no_args_is_help=True)


@app.command("check")
def check(
    features: Annotated[list[str], typer.Argument(metavar="NAMES...", help="Services or views.")],
    *,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="The instant; by default now.")] = None,
    engine: EngineOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Look whether a run would be as the views expect; nothing is written.

    Exit code 1 if a run would be rejected.
    """
    time = instant(at, "--at")
    with opened(config, debug=debug) as store:
        from featurestore.cli import expectation_render, output

        report = store.check_expectations(names(features), at=time, engine=engine)
        output.show(report.to_json(), expectation_render.report, as_json=as_json)
    if not report.passed:
        raise typer.Exit(1)


@app.command("history")
def history(
    view: ViewArgument,
    *,
    limit: LimitOption = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show how the expectations of the latest runs came out."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import documents, expectation_render, output

        runs = store.get_expectation_results(view, limit=limit)
        found = [{**documents.run(each.run), "results": [r.to_json() for r in each.results]} for each in runs]
        output.show({"runs": found}, expectation_render.history, as_json=as_json)


@app.command("failing-rows")
def failing_rows(
    view: ViewArgument,
    *,
    run: RunOption = None,
    training_set: Annotated[
        str | None, typer.Option(metavar="NAME", help="Rows of a training set instead.")
    ] = None,
    file: OutputOption = None,
    limit: LimitOption = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show rows that were not as expected, or write them to a Parquet file."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import expectation_render, output

        rows = store.failing_rows(view, run=run, training_set=training_set)
        if file is not None:
            _write(rows, file)
        shown = rows.slice(0, limit).to_pylist()
        document = {"count": rows.num_rows, "rows": shown, "file": None if file is None else str(file)}
        output.show(document, expectation_render.rows, as_json=as_json)


@app.command("suggest")
def suggest(
    view: ViewArgument,
    *,
    engine: EngineOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Propose expectations from what the values have been like, as Python to be pasted."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import output

        found = store.suggest_expectations(view, engine=engine)
        listed = [
            {"python": repr(each.expectation), "expected": each.expectation.text, "reason": each.reason}
            for each in found
        ]
        output.show({"suggestions": listed}, lambda _: output.say(str(found)), as_json=as_json)


def _write(rows: object, file: Path) -> None:
    import pyarrow.parquet as pq

    from featurestore.frames.atomic_file import atomic_path

    with atomic_path(file) as unfinished:
        pq.write_table(rows, unfinished)
