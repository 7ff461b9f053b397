from __future__ import annotations

import io

import pytest
from rich.console import Console

from kgrec.explain.tree import chain, render
from kgrec.explain.types import Explanation, Node, Path, Relation
from kgrec.explain.wording import phrase, plain, sentence, user_name

NODES = {
    "you": Node("urn:x:User/1", "User", "user 1"),
    "ann": Node("urn:x:User/42", "User", "user 42"),
    "bob": Node("urn:x:User/7", "User", "user 7"),
    "toy": Node("urn:x:Item/1", "Item", "Toy Story (1995)"),
    "babe": Node("urn:x:Item/2", "Item", "Babe (1995)"),
    "up": Node("urn:x:Item/3", "Item", "Up (2009)"),
    "children": Node("urn:x:Genre/c", "Genre", "Children"),
    "docter": Node("urn:x:Person/d", "Person", "Pete Docter"),
    "city": Node("urn:x:City/b", "City", "Berlin"),
}


def make(text: str) -> tuple[list[Node], list[Relation]]:
    """``you >interacts toy <genre children``: > walks an edge forward, < backwards."""
    first, *rest = text.split()
    nodes, relations = [NODES[first]], []
    for hop, node in zip(rest[::2], rest[1::2], strict=True):
        relations.append(Relation(hop[1:], "forward" if hop[0] == ">" else "reverse", hop[1:]))
        nodes.append(NODES[node])
    return nodes, relations


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("you >interacts toy", "You interacted with “Toy Story (1995)”."),
        (
            "you >interacts toy >genre children <genre babe",
            "You interacted with “Toy Story (1995)”, which has genre “Children”; so does “Babe (1995)”.",
        ),
        (
            "you >interacts toy <interacts ann >interacts babe",
            "You and user 42 both interacted with “Toy Story (1995)”; user 42 also interacted with “Babe (1995)”.",
        ),
        (
            "you >interacts toy <director.film docter >director.film up",
            "You interacted with “Toy Story (1995)”; “Pete Docter” has film “Toy Story (1995)”; "
            "“Pete Docter” has film “Up (2009)” too.",
        ),
        ("you >interacts toy >sequel babe", "You interacted with “Toy Story (1995)”, which has sequel “Babe (1995)”."),
        (
            "you >interacts toy <sequel babe",
            "You interacted with “Toy Story (1995)”; “Babe (1995)” has sequel “Toy Story (1995)”.",
        ),
        (
            "you >interacts toy >producer docter <directedBy up",
            "You interacted with “Toy Story (1995)”, which has producer “Pete Docter”; "
            "“Up (2009)” is directed by “Pete Docter”.",
        ),
        (
            "you >interacts toy >directedBy docter <directedBy up",
            "You interacted with “Toy Story (1995)”, which is directed by “Pete Docter”; so is “Up (2009)”.",
        ),
        (
            "you >interacts toy <interacts ann >interacts babe >genre children <genre up",
            "You and user 42 both interacted with “Toy Story (1995)”; user 42 also interacted with “Babe (1995)”, "
            "which has genre “Children”; so does “Up (2009)”.",
        ),
        (
            "you >interacts toy >genre children <genre babe <interacts ann >interacts up",
            "You interacted with “Toy Story (1995)”, which has genre “Children”; so does “Babe (1995)”; "
            "user 42 interacted with “Babe (1995)”; user 42 also interacted with “Up (2009)”.",
        ),
        (
            "you >interacts toy <interacts ann >interacts babe <interacts bob >interacts up",
            "You and user 42 both interacted with “Toy Story (1995)”; user 42 and user 7 both interacted with "
            "“Babe (1995)”; user 7 also interacted with “Up (2009)”.",
        ),
        ("you >hasHome city <isSetIn up", "You have home “Berlin”; “Up (2009)” is set in “Berlin”."),
        ("you <knows ann >interacts up", "user 42 knows you; user 42 interacted with “Up (2009)”."),
    ],
)
def test_sentences(path, text):
    assert sentence(*make(path), "User", "Item") == text[:1].upper() + text[1:]


@pytest.mark.parametrize(
    ("relation", "words"),
    [
        ("genre", "has genre"),
        ("hasGenre", "has genre"),
        ("film.film.genre", "has genre"),
        ("film.director.film", "has film"),
        ("associatedMusicalArtist", "has associated musical artist"),
        ("directed_by", "is directed by"),
        ("directed by", "is directed by"),
        ("partOf", "is part of"),
        ("belongsTo", "belongs to"),
        ("isPartOf", "is part of"),
        ("exactMatch", "has exact match"),
        ("USState", "has US state"),
        ("has_part", "has part"),
        ("Genre of the work", "has Genre of the work"),
        ("", "is related to"),
        ("...", "has ..."),
    ],
)
def test_relations_become_verbs(relation, words):
    assert phrase(relation) == words


def test_labels_are_one_harmless_line():
    assert plain("a\x1b[31m\nb\u202ec\u2028d") == "a [31m bc d"
    assert plain("شكرا") == "شكرا"
    assert user_name("42", "42") == user_name("User 42", "42") == "user 42"
    assert user_name("Ann", "42") == "Ann"
    assert user_name("Ann", None) == "Ann"


def shown_as_text(explanation: Explanation) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(render(explanation))
    return console.file.getvalue()


def test_tree():
    nodes, relations = make("you >interacts toy >genre children <genre babe")
    text = sentence(nodes, relations, "User", "Item")
    path = Path(tuple(nodes), tuple(relations), 0.25, text, 2)
    assert chain(path) == "you —interacts→ Toy Story (1995) —genre→ Children ←genre— Babe (1995)"
    shown = shown_as_text(Explanation("1", "2", "[bold]Babe[/]\x1b[2J", 3, 1.0, (path,), 0.75, 0.25, ("A note.",)))
    assert "[bold]Babe[/] [2J  rank 3  score 1.0000" in shown
    assert "weight 0.25" in shown
    assert "weight 0.5  all other walks" in shown
    assert "remainder 0.25" in shown
    assert "A note." in shown
    bare = shown_as_text(Explanation("", "2", "Babe", None, 1.0, (), 0.0, 1.0))
    assert "rank" not in bare
    assert "weight" not in bare
    assert "effect" not in shown + bare
