"""``featurestore upgrade``: the registry of an older release, for this one."""

from __future__ import annotations

from featurestore.cli.options import ConfigOption, DebugOption, JsonOption
from featurestore.cli.session import reported


def upgrade(config: ConfigOption = None, as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Bring the registry up to date with this release; older releases cannot use it then. Back it up first."""
    with reported(debug=debug):
        from featurestore.adapters import upgrade_registry
        from featurestore.cli import output, render
        from featurestore.configuration import load_configuration

        # Not by opening the store: that is what an older registry refuses.
        upgrade_registry(load_configuration(path=config).registry)
        output.show({"up_to_date": True}, render.upgraded, as_json=as_json)
