"""The picture of a lineage says what leads to what, and stays readable when there is much of it."""

from __future__ import annotations

from featurestore.lineage.graph import Lineage
from featurestore.lineage.nodes import Edge, Node
from featurestore.lineage.picture import lineage_picture

SOURCE, VIEW, SERVICE = (
    Node("source", "flights"),
    Node("feature_view", "last@1"),
    Node("feature_service", "delay"),
)


def feature_edges(number: int) -> set[Edge]:
    column, feature = Node("column", f"flights.c{number}"), Node("feature", f"last@1:f{number}")
    return {
        Edge(SOURCE, column), Edge(column, feature, "value"), Edge(feature, VIEW), Edge(feature, SERVICE),
    }  # fmt: skip


def drawn(count: int, *more: Edge) -> str:
    edges = {Edge(SOURCE, VIEW), Edge(VIEW, SERVICE), *more}
    for number in range(count):
        edges |= feature_edges(number)
    return str(lineage_picture(Lineage(VIEW, frozenset(edges))))


def test_what_is_said_by_other_edges_is_not_drawn() -> None:
    picture = drawn(1)
    for edge in ("flights → c0", "c0 → f0", "f0 → last@1", "last@1 → delay"):
        assert f"<title>{edge}</title>" in picture
    assert picture.count('class="edge"') == 4
    assert "<title>column flights.c0</title>" in picture
    assert picture.count('class="node marked"') == 1


def test_keys_are_drawn_dashed() -> None:
    key = Node("column", "flights.tailnum")
    assert "tailnum → last@1 (key)" in drawn(1, Edge(SOURCE, key), Edge(key, VIEW, "key"))


def test_of_many_columns_and_features_only_the_whole_is_drawn() -> None:
    assert drawn(18).count('class="node"') == 2 + 2 * 18
    picture = drawn(30)
    assert "<title>column flights.c10</title>" in picture
    assert "feature last@1" not in picture
    assert "<title>c10 → last@1</title>" in picture
    picture = drawn(100)
    assert "column" not in picture
    assert "<title>flights → last@1</title>" in picture
    assert "<title>last@1 → delay</title>" in picture


def test_columns_stand_in_their_own_source_whatever_its_name() -> None:
    longer = Node("source", "flights.late")
    edges = [Edge(longer, Node("column", f"flights.late.x{number}")) for number in range(40)]
    edges += [Edge(edge.target, VIEW, "key") for edge in edges]
    assert "<title>flights.late → last@1 (key)</title>" in drawn(40, *edges)


def test_very_many_training_sets_become_one_box() -> None:
    picture = drawn(1, *(Edge(SERVICE, Node("training_set", f"set-{number:04}")) for number in range(1_000)))
    assert "… and 977 more" in picture
    assert "set-0022" in picture
    assert "set-0023" not in picture


def test_the_root_stays_even_if_its_kind_is_left_out() -> None:
    root = Node("feature", "last@1:f0")
    edges = set().union(*(feature_edges(number) for number in range(100)))
    picture = str(lineage_picture(Lineage(root, frozenset(edges))))
    assert "<title>feature last@1:f0</title>" in picture
    assert "last@1:f1<" not in picture
