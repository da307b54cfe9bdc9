"""Every kind of source that is registered can be read back from the registry's JSON."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from featurestore.definitions.source import Source, source_type

KINDS = [found.name for found in entry_points(group="featurestore.sources")]


@pytest.mark.parametrize("kind", KINDS)
def test_the_entry_point_of_a_kind_is_its_class(kind: str) -> None:
    (found,) = entry_points(group="featurestore.sources", name=kind)
    assert found.load() is source_type(kind)
    assert issubclass(source_type(kind), Source)
    assert source_type(kind).kind == kind
