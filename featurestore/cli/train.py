"""``get-historical`` and ``get-latest``: training frames and batch scoring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featurestore.cli.options import (
    AsOfOption,
    ConfigOption,
    DebugOption,
    EngineOption,
    EntityFileOption,
    FeaturesOption,
    FullNamesOption,
    JsonOption,
    LimitOption,
    OutputOption,
    instant,
    names,
)
from featurestore.cli.session import opened

if TYPE_CHECKING:
    from featurestore.planning.training_frame import TrainingFrame


def get_historical(
    *,
    features: FeaturesOption,
    entities: EntityFileOption = None,
    sql: Annotated[
        str | None, typer.Option(metavar="QUERY", help="Entity rows as a query over the views' sources.")
    ] = None,
    output: OutputOption = None,
    limit: LimitOption = 10,
    event_timestamp: Annotated[
        str, typer.Option(metavar="COLUMN", help="The time column of the entity rows.")
    ] = "event_timestamp",
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="The zone of times without one in the entity rows.")
    ] = "UTC",
    as_of: AsOfOption = None,
    engine: EngineOption = None,
    full_feature_names: FullNamesOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Complete entity rows with the features that were knowable at each row's time.

    Writes them to --output, else shows the first ones.
    """
    if (entities is None) == (sql is None):
        raise typer.BadParameter("Give one of the two.", param_hint="--entities, --sql")
    _check_output(output)
    known = instant(as_of, "--as-of")
    with opened(config, debug=debug) as store:
        from featurestore.cli.rows import read_file

        wanted = names(features)
        frame = store.get_historical_features(
            read_file(entities, wanted, store.project.catalog()) if entities else sql,
            wanted,
            event_timestamp=event_timestamp,
            full_feature_names=full_feature_names,
            engine=engine,
            as_of=known,
            timezone=timezone,
        )
        _deliver(frame, output, limit, as_json=as_json)


def get_latest(
    *,
    features: FeaturesOption,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="The instant; by default now.")] = None,
    entities: EntityFileOption = None,
    output: OutputOption = None,
    limit: LimitOption = 10,
    as_of: AsOfOption = None,
    engine: EngineOption = None,
    full_feature_names: FullNamesOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Give every entity's values at one instant, from the sources (for batch scoring).

    Writes them to --output, else shows the first ones.
    """
    _check_output(output)
    when, known = instant(at, "--at"), instant(as_of, "--as-of")
    with opened(config, debug=debug) as store:
        from featurestore.cli.rows import read_table

        wanted = names(features)
        frame = store.get_latest_features(
            wanted,
            at=when,
            entities=read_table(entities, wanted, store.project.catalog()) if entities else None,
            full_feature_names=full_feature_names,
            engine=engine,
            as_of=known,
        )
        _deliver(frame, output, limit, as_json=as_json)


def _check_output(output: Path | None) -> None:
    if output is None:
        return
    if output.suffix not in (".parquet", ".pq"):
        raise typer.BadParameter(f"{output} does not end in .parquet.", param_hint="--output")
    if not output.parent.is_dir():
        raise typer.BadParameter(f"There is no folder {output.parent}.", param_hint="--output")


def _deliver(frame: TrainingFrame, output: Path | None, limit: int, *, as_json: bool) -> None:
    from featurestore.cli import documents, render
    from featurestore.cli.output import show

    document: dict[str, Any] = documents.frame(frame)
    if output is None:
        show({**document, "rows": documents.first_rows(frame, limit)}, render.frame, as_json=as_json)
    else:
        frame.to_parquet(output)
        show({**document, "output": str(output)}, render.written, as_json=as_json)
