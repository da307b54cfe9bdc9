"""The page on aggregations says what the definitions say."""

from __future__ import annotations

import re
from pathlib import Path

import featurestore as fs
from featurestore.definitions.functions import FUNCTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "aggregations.md").read_text(encoding="utf-8")


def test_the_example_has_the_names_that_it_says():
    block = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    names: dict[str, fs.FeatureView] = {}
    exec(block[1], names)
    said = re.findall(r"# (.*)", block[1])
    assert [feature.name for feature in names["spending"].features] == ", ".join(said).split(", ")


def test_every_function_is_on_the_page():
    table = PAGE[PAGE.index("| Function |") : PAGE.index("*log*")]
    assert set(FUNCTIONS) <= set(re.findall(r"`([a-z_]+)", table))
