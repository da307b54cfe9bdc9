"""Adapters that other packages bring along are found beside our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from featurestore.adapters import open_online_store
from featurestore.errors import ConfigurationError


def test_the_store_of_another_package_is_found_by_its_scheme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "elsewhere-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(
        "[featurestore.online_stores]\nelsewhere = store_elsewhere:Store\nmemory = store_elsewhere:Store\n"
    )
    (tmp_path / "store_elsewhere.py").write_text(
        "class Store:\n    from_url = staticmethod(lambda url: f'opened {url}')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert str(open_online_store("elsewhere://there")) == "opened elsewhere://there"
    # What we bring along ourselves is not replaced by chance.
    assert type(open_online_store("memory://")).__module__.startswith("featurestore")
    with pytest.raises(ConfigurationError, match="known are: elsewhere, memory, redis, rediss, sqlite"):
        open_online_store("nowhere://")
