"""Where a relation's words come from: the recipe, the data's labels, its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from kgrec.config import parse_recipe
from kgrec.config.outcome import ExplainConfig
from kgrec.dataset.snapshot import RELATION_LABELS_SCHEMA, Snapshot
from kgrec.errors import RecipeError, UserError
from kgrec.explain.types import Node, Relation
from kgrec.explain.wording import Wording, Wordings

YOU = Node("u", "User", "user 1")
A, B, X = Node("a", "Item", "A"), Node("b", "Item", "B"), Node("x", "Person", "X")
INTERACTS = Relation("interacts", "forward", "interacts", "interaction")


@pytest.fixture(scope="module")
def snapshot(snapshot_of: Callable[..., Snapshot]) -> Snapshot:
    edges = [("Item", 0, "directed_by", "Person", 0, "s"), ("Item", 0, "maker", "Person", 0, "s")]
    plain = snapshot_of({"Item": 1, "Person": 1, "User": 1}, edges, [(0, 0, "train")])
    rows = [
        ("maker", "en", "made by"),
        ("maker", "zh-hant", "製作人"),
        ("maker", "zh", "制作人"),
        ("directed_by", "de", "Regie"),
    ]
    labels = pl.DataFrame(sorted(rows), schema=RELATION_LABELS_SCHEMA, orient="row")
    return Snapshot("User", "Item", plain.nodes, plain.relations, plain.edges, plain.interactions, labels)


def config(**explain: Any) -> ExplainConfig:
    recipe = {"name": "t", "interactions": {"file": "x.csv"}, "explain": explain}
    return parse_recipe(recipe).explain


def of(wording: Wording, *hops: tuple[str, str], nodes: tuple[Node, ...] = (YOU, A, X, B)) -> str:
    """A path from the user over these facts: (``>`` or ``<``, relation)."""
    relations = [
        Relation(name, "forward" if way == ">" else "reverse", wording.relations.label(name)) for way, name in hops
    ]
    return wording.sentence(nodes[: len(hops) + 2], [INTERACTS, *relations])


THERE_AND_BACK = ((">", "directed_by"), ("<", "directed_by"))


@pytest.mark.parametrize(
    ("lang", "hops", "text"),
    [
        ("en", THERE_AND_BACK, "You interacted with “A”, which is directed by “X”; so is “B”."),
        ("zh", THERE_AND_BACK, "你接触过“A”（由“X”执导）；“B”也由“X”执导。"),
        ("en", ((">", "maker"), ("<", "maker")), "You interacted with “A”, which is made by “X”; so is “B”."),
        ("zh", ((">", "maker"), ("<", "maker")), "你接触过“A”（制作人包括“X”）；“B”也一样。"),
        ("en", (("<", "maker"),), "You interacted with “A”; “X” is made by “A”."),
        ("zh", (("<", "maker"),), "你接触过“A”；“X”的制作人包括“A”。"),
        ("en", (("<", "directed_by"),), "You interacted with “A”, which directed “X”."),
        ("zh", (("<", "directed_by"),), "你接触过“A”；“X”由“A”执导。"),
    ],
)
def test_phrases_then_labels(snapshot: Snapshot, lang: str, hops: tuple[tuple[str, str], ...], text: str) -> None:
    phrases = {"directed_by": {"en": {"forward": "is directed by", "reverse": "directed"}, "zh": "由…执导"}}
    assert of(Wordings(snapshot, config(phrases=phrases)).of(lang), *hops) == text


def test_names_where_there_is_neither(snapshot: Snapshot) -> None:
    chinese = Wordings(snapshot, config(lang="zh")).of()
    assert of(chinese, *THERE_AND_BACK) == "你接触过“A”（通过 directed by 指向“X”）；“B”也一样。"
    assert chinese.relations.label("maker") == "制作人"


def test_what_people_do_with_items_can_be_said(snapshot: Snapshot) -> None:
    phrases = {"interacts": {"en": "watched", "zh": "看过"}}
    nodes = (YOU, A, Node("v", "User", "user 7"), B)
    hops = [INTERACTS, Relation("interacts", "reverse", "interacts", "interaction"), INTERACTS]
    wordings = Wordings(snapshot, config(phrases=phrases))
    assert wordings.of("en").sentence(nodes, hops) == "You and user 7 both watched “A”; user 7 also watched “B”."
    assert wordings.of("zh").sentence(nodes, hops) == "你和用户“7”都看过“A”；用户“7”还看过“B”。"
    assert wordings.of("zh").seen(A) == "你已经看过“A”。"


def test_learned_hops_in_chinese(snapshot: Snapshot) -> None:
    wording = Wordings(snapshot, config()).of("zh")
    said = [
        wording.sentence((YOU, A, B), [INTERACTS, Relation(kind, "forward", kind, kind, support)], negative)
        for kind, support, negative in (
            ("co-preference", 12, False),
            ("co-preference", 1, True),
            ("latent", 0, False),
            ("sequence", 1234, False),
            ("similarity", 3, True),
        )
    ]
    assert said == [
        "你接触过“A”；喜欢“A”的人往往也喜欢“B”（两者都接触过：12 人）。",
        "你接触过“A”；与其他人相比，喜欢“A”的人较少喜欢“B”（两者都接触过：1 人）。",
        "你接触过“A”；模型学到：对“A”的偏好往往伴随着对“B”的偏好。",
        "你接触过“A”；“B”常常出现在“A”之后（两者都接触过：1,234 人）。",
        "你接触过“A”；从文本和关联来看，“B”与“A”不相似（两者都接触过：3 人）。",
    ]


@pytest.mark.parametrize(
    ("phrases", "problem"),
    [
        ({"directed_bi": {"en": "x"}}, r"no such relation(.|\n)*'directed_by'"),
        ({"directed_by": {"eng": "x"}}, r"no such language(.|\n)*'en'"),
        ({"directed_by": {"en": "…"}}, "words on one line"),
        ({"directed_by": {"en": "a … b …"}}, "words on one line"),
        ({"directed_by": {"en": {"forwrd": "x"}}}, "forward"),
    ],
)
def test_phrases_that_say_nothing_are_refused(snapshot: Snapshot, phrases: dict[str, Any], problem: str) -> None:
    with pytest.raises(RecipeError, match=problem):
        Wordings(snapshot, config(phrases=phrases))


def test_a_language_without_words_is_refused(snapshot: Snapshot) -> None:
    with pytest.raises(UserError, match="en or zh"):
        Wordings(snapshot, config(lang="de"))
