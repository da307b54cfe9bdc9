"""``training-set …``: make, find, check and copy training sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
    instant,
    names,
)
from featurestore.cli.session import opened

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A training set, by name or by its id's first 12 characters.")
]
app = typer.Typer(help="Training sets: saved, split, and to be had again.", no_args_is_help=True)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A new name, such as fraud-2026-01.")],
    *,
    features: FeaturesOption,
    entities: EntityFileOption = None,
    sql: Annotated[
        str | None, typer.Option(metavar="QUERY", help="Entity rows as a query over the views' sources.")
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="PARTS", help="train=0.8,test=0.2; or by time train=2024-06-01,test=.")
    ] = "",
    by: Annotated[
        str, typer.Option(metavar="WHAT", help="row, entity, or the name of a column to stratify by.")
    ] = "row",
    purge: Annotated[
        str, typer.Option(metavar="TIME", help="Left out before a boundary in time, e.g. 1d.")
    ] = "0s",
    embargo: Annotated[
        str, typer.Option(metavar="TIME", help="Left out after a boundary in time, e.g. 6h.")
    ] = "0s",
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Of the split.")] = 0,
    folder: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER", help="Where to save it, or s3://bucket/prefix; by default the project's folder."
        ),
    ] = None,
    event_timestamp: Annotated[
        str, typer.Option(metavar="COLUMN", help="The time column of the entity rows.")
    ] = "event_timestamp",
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="The zone of times without one in the entity rows.")
    ] = "UTC",
    as_of: AsOfOption = None,
    engine: EngineOption = None,
    full_feature_names: FullNamesOption = False,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A tag; may be repeated.")
    ] = None,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Compute a training frame, divide its rows, save it, and record how it was made."""
    from featurestore.cli.split_option import read_split, read_tags

    if (entities is None) == (sql is None):
        raise typer.BadParameter("Give one of the two.", param_hint="--entities, --sql")
    known, tags = instant(as_of, "--as-of"), read_tags(tag or ())
    with opened(config, debug=debug) as store:
        from featurestore.cli.rows import read_file

        wanted = names(features)
        made = store.create_training_set(
            name,
            wanted[0] if len(wanted) == 1 else wanted,
            read_file(entities, wanted, store.project.catalog()) if entities else sql,
            split=read_split(split, by, purge, embargo),
            seed=seed,
            folder=folder,
            event_timestamp=event_timestamp,
            timezone=timezone,
            as_of=known,
            engine=engine,
            full_feature_names=full_feature_names,
            tags=tags,
            note=note,
        )
        _show(made, as_json=as_json)


@app.command("list")
def list_(
    view: Annotated[
        str | None, typer.Option(metavar="VIEW", help="Only those made from a version of it.")
    ] = None,
    limit: LimitOption = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List training sets, the latest first."""
    with opened(config, debug=debug) as store:
        from featurestore.cli import output, set_documents, set_render

        found = store.training_sets(view=view, limit=limit)
        document = {"training_sets": [set_documents.summary(item) for item in found]}
        output.show(document, set_render.listing, as_json=as_json)


@app.command("show")
def show(
    name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Show how a training set was made, what it holds, its tags and notes."""
    with opened(config, debug=debug) as store:
        _show(store.training_set(name), as_json=as_json)


@app.command("verify")
def verify(
    name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Read all that is saved of a training set; exit code 1 if it is not as it was."""
    with opened(config, debug=debug) as store:
        found = store.training_set(name).verify()
        document = {"name": found.name, "intact": found.intact, "problems": list(found.problems)}
        _deliver(document, str(found), fine=found.intact, as_json=as_json)


@app.command("recreate")
def recreate(
    name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Compute a training set again; exit code 1 if it comes out differently, with what has changed."""
    with opened(config, debug=debug) as store:
        found = store.training_set(name).recreate()
        document = {
            "name": found.name,
            "same": found.same,
            "content_hash": found.content_hash,
            "differences": list(found.differences),
            "causes": list(found.causes),
            "restored": [str(path) for path in found.restored],
        }
        _deliver(document, str(found), fine=found.same, as_json=as_json)


@app.command("compare")
def compare(
    first: NameArgument,
    second: Annotated[str, typer.Argument(metavar="NAME", help="Another one.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Tell what differs between two training sets: how they were made, and what came out."""
    with opened(config, debug=debug) as store:
        found = store.training_set(first).compare(store.training_set(second))
        document = {
            "first": found.first,
            "second": found.second,
            "same_values": found.same_values,
            "differences": list(found.differences),
        }
        _deliver(document, str(found), fine=True, as_json=as_json)


@app.command("export")
def export(
    name: NameArgument,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made if need be.")],
    *,
    form: Annotated[str, typer.Option("--format", metavar="FORM", help="parquet or csv.")] = "parquet",
    parts: Annotated[list[str] | None, typer.Option(metavar="NAMES", help="Parts; by default all.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Copy a training set to a folder: one file per part, and the manifest."""
    with opened(config, debug=debug) as store:
        found = store.training_set(name)
        paths = found.export(folder, form=form, parts=names(parts) if parts else None)
        document = {"name": found.name, "files": [str(path) for path in paths]}
        _deliver(document, "\n".join(map(str, paths)), fine=True, as_json=as_json)


@app.command("annotate")
def annotate(
    name: NameArgument,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Set a tag; KEY= removes it; may be repeated."),
    ] = None,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Add a note.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Set tags of a training set, and add a note."""
    from featurestore.cli.split_option import read_tags

    if not tag and not note:
        raise typer.BadParameter("Give at least one of the two.", param_hint="--tag, --note")
    tags = read_tags(tag or ())
    with opened(config, debug=debug) as store:
        found = store.training_set(name)
        if tags:
            found.tag(**{key: value or None for key, value in tags.items()})
        if note:
            found.note(note)
        _show(found, as_json=as_json)


@app.command("record-model")
def record_model(
    name: NameArgument,
    model: Annotated[str, typer.Argument(metavar="MODEL@VERSION", help="Such as delays@7.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Record that a release of a model was trained on a training set; plans and lineages reach it then."""
    called, _, version = model.partition("@")
    with opened(config, debug=debug) as store:
        found = store.training_set(name)
        found.record_model(called, version)
        _show(found, as_json=as_json)


def _show(found: Any, *, as_json: bool) -> None:
    from featurestore.cli import output, set_documents, set_render

    output.show(set_documents.full(found), set_render.one, as_json=as_json)


def _deliver(document: dict[str, Any], text: str, *, fine: bool, as_json: bool) -> None:
    from featurestore.cli import output

    output.show(document, lambda _: output.say(text), as_json=as_json)
    if not fine:
        raise typer.Exit(1)
