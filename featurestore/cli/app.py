"""The commands, put together. Whatever is heavy is imported by the command that needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from featurestore import __version__
from featurestore.cli import (
    check,
    define,
    drift,
    expectations,
    fill,
    look,
    serve,
    start,
    statistics,
    train,
    training_sets,
    upgrade,
    versions,
)

app = typer.Typer(
    help="Features for machine learning: defined once, the same in training and serving.",
    epilog="Every command has --help. Exit codes: 0 fine, 1 an error, 2 a wrong call.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=False,
    # Its tracebacks show local variables, which may hold secrets.
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"featurestore {__version__}")
        raise typer.Exit


@app.callback()
def _featurestore(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


_PANELS: dict[str, dict[str, Callable[..., None]]] = {
    "Define": {
        "init": start.init,
        "upgrade": upgrade.upgrade,
        "plan": define.plan,
        "apply": define.apply,
        "retire": define.retire,
        "list": look.list_,
        "describe": look.describe,
    },
    "Versions": {
        "history": versions.history,
        "diff": versions.diff,
        "lineage": versions.lineage,
        "promote": versions.promote,
        "rollback": versions.rollback,
        "audit": versions.audit,
    },
    "Train": {
        "get-historical": train.get_historical,
        "get-latest": train.get_latest,
        "check-leakage": check.check_leakage,
    },
    "Serve": {"materialize": fill.materialize, "get-online": serve.get_online, "status": fill.status},
    "Watch": {"statistics": statistics.statistics, "drift": drift.drift, "report": drift.report},
}
for _panel, _commands in _PANELS.items():
    for _name, _command in _commands.items():
        app.command(_name, rich_help_panel=_panel)(_command)
app.add_typer(expectations.app, name="expectations", rich_help_panel="Serve")
app.add_typer(training_sets.app, name="training-set", rich_help_panel="Train")
