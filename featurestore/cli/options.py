"""Options that several commands have, and how their texts are read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

_COMMON = "Common options"

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The feature_store.toml; by default the nearest one from here upwards.",
        rich_help_panel=_COMMON,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON and nothing else.", rich_help_panel=_COMMON)
]
DebugOption = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=_COMMON)
]
MessageOption = Annotated[str, typer.Option("--message", "-m", help="Why, for the record.")]
EvolveOption = Annotated[
    list[str] | None,
    typer.Option(metavar="SERVICES", help="Services whose readers are ready for what breaks them."),
]
EngineOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="duckdb, polars or auto; by default the project's.")
]
FeaturesOption = Annotated[
    list[str],
    typer.Option(
        "--features",
        "-f",
        metavar="NAMES",
        help="A service, views (view, view@version) or features (view:feature); repeated or with commas.",
    ),
]
FullNamesOption = Annotated[
    bool, typer.Option("--full-feature-names", help="Name columns view__feature instead of feature.")
]
AsOfOption = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only rows that were known then: an earlier state of the sources."),
]
EntityFileOption = Annotated[
    Path | None,
    typer.Option(
        "--entities",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="A Parquet or CSV file of entity rows.",
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", dir_okay=False, help="Write a Parquet file."),
]
LimitOption = Annotated[int, typer.Option(min=1, metavar="COUNT", help="How many rows to show.")]


def names(texts: Sequence[str]) -> list[str]:
    """Names given by repeating an option, separated by commas, or both."""
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def instant(text: str | None, option: str) -> datetime | None:
    """A time in ISO 8601; without a zone it is UTC."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a time; write 2024-05-01, 2024-05-01T12:30:00Z or 2024-05-01T14:30:00+02:00.",
            param_hint=option,
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
