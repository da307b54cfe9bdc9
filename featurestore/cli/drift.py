"""``drift`` and ``report``: have values moved, and what are they like?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featurestore.cli.options import ConfigOption, DebugOption, JsonOption
from featurestore.cli.session import opened

if TYPE_CHECKING:
    from featurestore.statistics.drift import DriftReport

_NAMES = (
    "A training set or a part of it (set, set:train), the latest run of a view (view, view@3), one run (view@3#17), "
    "or the runs of a period (view@3#2024-01-01..2024-02-01)."
)
ThresholdOption = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="MEASURE=NUMBER",
        help="psi, jensen_shannon, kolmogorov_smirnov or null_share, of one feature as FEATURE:MEASURE=NUMBER; "
        "off asks no more, FEATURE=off leaves a feature out. May be repeated.",
    ),
]


def drift(
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help=_NAMES)],
    current: Annotated[
        str, typer.Argument(metavar="CURRENT", help="What to compare with it; named likewise.")
    ],
    *,
    threshold: ThresholdOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Tell whether the values of features have moved.

    Exit code 1 if they have.
    """
    thresholds = read_thresholds(threshold or ())
    with opened(config, debug=debug) as store:
        from featurestore.cli import output

        found = store.detect_drift(reference, current, thresholds=thresholds)
        output.show(found.to_json(), lambda _: _say(found), as_json=as_json)
    if found.drifted:
        raise typer.Exit(1)


def report(
    subject: Annotated[str, typer.Argument(metavar="NAME", help=_NAMES)],
    *,
    file: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", dir_okay=False, help="The page to write.")
    ] = Path("report.html"),
    reference: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to compare it with; named likewise.")
    ] = None,
    threshold: ThresholdOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a page on the values of features: statistics, drift, lineage. One file that needs no network."""
    thresholds = read_thresholds(threshold or ())
    with opened(config, debug=debug) as store:
        from featurestore.cli import output

        made = store.report(subject, reference=reference, thresholds=thresholds)
        made.save(file)
        document = {
            "name": made.name,
            "file": str(file),
            "features": len(made.profile.features),
            "drifted": [each.feature for each in made.drift.drifted] if made.drift else None,
        }
        output.show(document, lambda _: output.say(str(file)), as_json=as_json)


def read_thresholds(texts: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """Thresholds as `detect_drift` takes them, from texts such as ``psi=0.3``, ``temp:psi=off`` and ``temp=off``."""
    from featurestore.statistics.thresholds import MEASURES

    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        feature, _, measure = name.rpartition(":")
        number = None if value == "off" else _number(value, text)
        if not equals or (number is not None and measure not in MEASURES):
            raise _wrong(text)
        if feature and found.get(feature, {}) is not None:
            found.setdefault(feature, {})[measure] = number
        elif not feature:
            found[name] = number
    return found


def _number(value: str, text: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise _wrong(text) from None


def _wrong(text: str) -> typer.BadParameter:
    return typer.BadParameter(
        f"{text!r} is no threshold; write psi=0.3, temp:psi=0.3, temp:psi=off or temp=off.",
        param_hint="--threshold",
    )


def _say(found: DriftReport) -> None:
    from rich.text import Text

    from featurestore.cli import output

    head, *lines = str(found).splitlines()
    output.say(Text(head, style="bold"))
    for line in lines:
        output.say(Text(line, style="red" if line.startswith("  drifted") else ""))
