from __future__ import annotations

import pytest

from kgrec.explain import verdicts
from kgrec.explain.language import Language
from kgrec.explain.relations import Relations
from kgrec.explain.types import Node, Relation
from kgrec.explain.wording import Wording

EN, ZH = Language.of("en"), Language.of("zh")
YOU, A, B = Node("u", "User", "user 1"), Node("a", "Item", "A"), Node("b", "Item", "B")
DRAMA = Node("g", "Genre", "Drama")


@pytest.mark.parametrize(
    ("before", "after", "english", "chinese"),
    [
        (2, 14, "would fall from place 2 to 14", "会从第 2 位降到第 14 位"),
        (5, 3, "would rise from place 5 to 3", "会从第 5 位升到第 3 位"),
        (2, 2, "would stay at place 2", "会保持在第 2 位"),
        (2, None, "would leave the list", "会掉出列表"),
        (None, 9, "would come into the list, at place 9", "会进入列表，排在第 9 位"),
        (None, None, "would stay outside the list", "仍然不在列表中"),
    ],
)
def test_places(before: int | None, after: int | None, english: str, chinese: str) -> None:
    assert (verdicts.moved(before, after, EN), verdicts.moved(before, after, ZH)) == (english, chinese)


def test_sets() -> None:
    assert [verdicts.necessary(n, 10, EN) for n in (1, 3)] == [
        "necessary: without this one thing it would not be among the first 10",
        "necessary: without these 3 things it would not be among the first 10",
    ]
    assert verdicts.necessary(3, 10, ZH) == "必要：去掉这 3 项，就进不了前 10 名"
    assert [verdicts.sufficient(n, 10, EN) for n in (1, 3)] == [
        "sufficient: this one thing alone would keep it among the first 10",
        "sufficient: these 3 things alone would keep it among the first 10",
    ]
    assert verdicts.sufficient(1, 10, ZH) == "充分：仅凭这 1 项，就能留在前 10 名"
    assert verdicts.necessary(None, 10, EN) == (
        "nothing that could be taken away takes it out of the first 10: popularity carries it"
    )
    assert verdicts.necessary(None, 10, ZH) == "无论去掉什么，都仍在前 10 名：起作用的是热度"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (EN, "“A” stands above “B” because of “A” in your history and the fact that “A” has genre “Drama”"),
        (ZH, "“A”排在“B”之前，原因是你记录中的“A”和“A”的 genre 包括“Drama”这一事实"),
    ],
)
def test_contrast(language: Language, text: str) -> None:
    wording = Wording(Relations(language, {}, {}), "User", "Item")
    things = [
        verdicts.thing(YOU, Relation("interacts", "forward", "interacts", "interaction"), A, wording),
        verdicts.thing(A, Relation("genre", "forward", "genre"), DRAMA, wording),
    ]
    assert verdicts.contrast(A, B, things, language) == text
    with pytest.raises(ValueError, match="learned"):
        verdicts.thing(A, Relation("latent", "forward", "latent", "latent"), B, wording)


def test_clauses_are_read_from_the_source() -> None:
    wording = Wording(Relations(EN, {}, {}), "User", "Item")
    home = Relation("livesIn", "forward", "livesIn")
    assert wording.clause(YOU, home, DRAMA) == "you live in “Drama”"
    assert wording.clause(YOU, Relation("interacts", "forward", "interacts", "interaction"), A) == (
        "you interacted with “A”"
    )


def test_what_carries_without_a_path() -> None:
    assert verdicts.carried_alone(0.63, 0.37, EN) == (
        "no path within the length leads to it: it is carried by popularity (63 %) and text (37 %) alone"
    )
    assert verdicts.carried_alone(1.0, 0.0, EN).endswith("it is carried by popularity (100 %) alone")
    assert verdicts.carried_alone(0.632, 0.368, ZH) == (
        "在限定长度内没有通向该项的路径：得分仅来自热度（63.2%）和文本（36.8%）"
    )
    with pytest.raises(ValueError, match="share"):
        verdicts.carried_alone(0.0, 0.0, EN)


def test_scope() -> None:
    assert verdicts.already_have(EN) == "you have this item already"
    assert verdicts.already_have(ZH) == "这一项你已经有了"
    assert verdicts.claim(EN) == (
        "this is what the model's own inputs do to its list, recomputed; no claim about people"
    )
    assert verdicts.claim(ZH) == "这是改动模型自身的输入并重新计算后，推荐列表的变化；不是对任何人的论断"
