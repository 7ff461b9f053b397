"""Interventions as people write them: which nodes and edges are meant, and what is said where it is not clear."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import Fact
from kgrec.effects.facts import Facts
from kgrec.effects.lookup import find_node, find_relation, name_of
from kgrec.effects.named import find_fact, intervention_of
from kgrec.errors import UnknownIdError, UserError
from tests.explain.conftest import make_snapshot

LABELS = {
    ("Item", 0): "Jumanji (1995)",
    ("Item", 1): "Breakfast Club, The (1985)",
    ("Item", 2): 'The "Great", Again',
    ("Item", 3): "Twins",
    ("Item", 4): "Twins",
    ("Genre", 0): "Drama",
    ("Genre", 1): "Horror",
    ("Tag", 0): "Drama",
    ("Tag", 1): "humane",
    ("Tag", 2): "Horror",
    ("Tag", 3): "3",
}
EDGES = [
    ("Item", 1, "genre", "Genre", 0, "a"),
    ("Item", 1, "tag", "Tag", 0, "a"),
    ("Item", 2, "about", "Genre", 0, "a"),
    ("Item", 2, "about", "Tag", 0, "a"),
    ("Item", 2, "about", "Genre", 1, "a"),
    ("Item", 3, "genre", "Genre", 1, "a"),
    ("Item", 4, "genre", "Genre", 0, "a"),
    ("Item", 4, "genre", "Genre", 0, "told twice"),
    ("Genre", 0, "part of", "Genre", 1, "a"),
    ("Item", 0, "like", "Item", 3, "a"),
    ("Item", 0, "like", "Tag", 3, "a"),
]


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    found = make_snapshot({"Genre": 2, "Item": 5, "Tag": 4, "User": 2}, EDGES, [(0, 0, "train")], LABELS)
    # entities have no ids of their own, as those of RDF files
    keys = pl.when(pl.col("type").is_in(["Item", "User"])).then("key")
    return replace(found, nodes=found.nodes.with_columns(key=keys))


@pytest.fixture(scope="module")
def facts(snapshot: Snapshot) -> Facts:
    return Facts(snapshot)


@pytest.mark.parametrize(
    ("text", "source", "relation", "target"),
    [
        ('"Breakfast Club, The (1985)",genre,Drama', ("Item", 1), "genre", ("Genre", 0)),
        ('"Breakfast Club, The (1985)", tag , Drama', ("Item", 1), "tag", ("Tag", 0)),
        ("1,urn:x:tag,Drama", ("Item", 1), "tag", ("Tag", 0)),
        ('"The ""Great"", Again",about,Tag/Drama', ("Item", 2), "about", ("Tag", 0)),
        ("2,about,Horror", ("Item", 2), "about", ("Genre", 1)),
        ("Twins,genre,Horror", ("Item", 3), "genre", ("Genre", 1)),
        ("Item/Jumanji (1995),like,3", ("Item", 0), "like", ("Item", 3)),
        ("Item/Jumanji (1995),like,Tag/3", ("Item", 0), "like", ("Tag", 3)),
        ("Drama,part of,Horror", ("Genre", 0), "part of", ("Genre", 1)),
        ("urn:x:Item/00004,genre,urn:x:Genre/00000", ("Item", 4), "genre", ("Genre", 0)),
    ],
)
def test_the_edge_that_is_there(
    snapshot: Snapshot, facts: Facts, text: str, source: tuple[str, int], relation: str, target: tuple[str, int]
) -> None:
    fact = find_fact(snapshot, facts, text, there=True)
    assert fact == Fact(source, relation, target)
    assert fact in facts
    # as it is told it can be written
    assert find_fact(snapshot, facts, facts.told(fact), there=True) == fact


@pytest.mark.parametrize(
    ("text", "source", "relation", "target"),
    [
        ("0,genre,Drama", ("Item", 0), "genre", ("Genre", 0)),
        ("0,tag,Drama", ("Item", 0), "tag", ("Tag", 0)),
        ("Jumanji (1995),about,Tag/Horror", ("Item", 0), "about", ("Tag", 2)),
        ("0,part of,humane", ("Item", 0), "part of", ("Tag", 1)),
    ],
)
def test_the_type_at_which_a_relation_points(
    snapshot: Snapshot, facts: Facts, text: str, source: tuple[str, int], relation: str, target: tuple[str, int]
) -> None:
    fact = find_fact(snapshot, facts, text, there=False)
    assert fact == Fact(source, relation, target)
    assert fact not in facts


@pytest.mark.parametrize(
    ("text", "there", "words"),
    [
        ("2,about,Drama", True, ["several facts", "Item/2,about,Genre/Drama; Item/2,about,Tag/Drama"]),
        ("0,about,Horror", False, ["several facts", "Item/0,about,Genre/Horror; Item/0,about,Tag/Horror"]),
        ("Twins,genre,Drama", False, ["several facts", "Item/3,genre,Genre/Drama; Item/4,genre,Genre/Drama"]),
        ("0,part of,Drama", False, ["several nodes", "Genre/Drama; Tag/Drama"]),
        ("1,genre,Horror", True, ["no such edge", "there are: Item/1,genre,Genre/Drama"]),
        ("Genre/Drama,genre,0", True, ["no such edge", "there are: Item/1,genre,Genre/Drama; Item/4,genre"]),
        ("Drama,genre,4", True, ["no such edge", "\n  there are: Item/4,genre,Genre/Drama"]),
        ("1,like,Horror", True, ["no such edge"]),
        ("Breakfast Club, The (1985),genre,Drama", True, ['"Breakfast Club, The (1985)",genre,Drama']),
        ("0,genre,Thrill, The", False, ['quotes: 0,genre,"Thrill, The"']),
        ('"Breakfast Club, The (1985),genre,Drama', True, ["in double quotes"]),
        ("one\ntwo,genre,Drama", True, ["subject,predicate,object"]),
        ("", True, ["subject,predicate,object"]),
        ("a,b", True, ["subject,predicate,object"]),
        ("jumanji,genre,Drama", True, ["nearest: 0 (Jumanji (1995))"]),
        ("0,gen,Drama", True, ["no relation", "nearest: genre"]),
        ("0,genre,Genre/dr", True, ["no Genre", "nearest: Drama"]),
    ],
)
def test_refused(snapshot: Snapshot, facts: Facts, text: str, there: bool, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        find_fact(snapshot, facts, text, there=there)
    for word in words:
        assert word in str(error.value)


def test_nodes(snapshot: Snapshot) -> None:
    assert find_node(snapshot, "3") == ("Item", 3)
    assert find_node(snapshot, "Tag/3") == ("Tag", 3)
    assert find_node(snapshot, "Genre/urn:x:Genre/00000") == ("Genre", 0)
    assert find_node(snapshot, "Jumanji (1995)") == ("Item", 0)
    with pytest.raises(UserError, match="Genre/Drama; Tag/Drama"):
        find_node(snapshot, "Drama")
    with pytest.raises(UserError, match="Item/3; Tag/3"):
        find_node(snapshot, "3", items_first=False)
    assert find_node(snapshot, "2", items_first=False) == ("Item", 2)
    for kind, number in (("Item", 3), ("Genre", 1), ("Tag", 3)):
        assert find_node(snapshot, name_of(snapshot, (kind, number))) == (kind, number)
    # two of a type with one label, and no ids: their IRIs tell them apart
    same = replace(snapshot, nodes=snapshot.nodes.with_columns(label=pl.lit("same"), key=pl.lit(None, pl.String)))
    assert name_of(same, ("Tag", 1)) == "urn:x:Tag/00001"
    with pytest.raises(UserError, match="…"):
        find_node(same, "same")


def test_relations_of_one_label(snapshot: Snapshot) -> None:
    labelled = snapshot.relations.with_columns(
        label=pl.col("name").replace_strict({"genre": "kind", "tag": "kind", "about": "topic"}, default=None)
    )
    other = replace(snapshot, relations=labelled)
    assert find_relation(other, "topic") == "about"
    with pytest.raises(UserError, match="genre, tag"):
        find_relation(other, "kind")
    with pytest.raises(UnknownIdError, match=r"nearest: about \(topic\)"):
        find_relation(other, "topi")


def test_what_is_said_twice_or_not_at_all(snapshot: Snapshot, facts: Facts) -> None:
    found = intervention_of(snapshot, facts, drop=["1,genre,Drama"], add=["0,genre,Drama"], drop_entities=["humane"])
    assert found.drop_facts == {Fact(("Item", 1), "genre", ("Genre", 0))}
    assert found.add_facts == {Fact(("Item", 0), "genre", ("Genre", 0))}
    with pytest.raises(UserError, match="named twice"):
        intervention_of(snapshot, facts, drop=["1,genre,Drama", "1,genre,Drama"])
    with pytest.raises(UserError, match="nothing is taken away"):
        intervention_of(snapshot, facts)
    with pytest.raises(UserError, match="Item/1,genre,Genre/Drama"):
        facts.check([], [Fact(("Item", 1), "genre", ("Genre", 0))])
