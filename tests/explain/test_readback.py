"""Only true words: from a sentence alone come back the hops of its path, in every language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgrec.explain import FlowExplainer
from kgrec.explain.language import Language, languages, plain
from kgrec.explain.relations import Readings, Relations, of_name, of_phrase
from kgrec.explain.types import Node, Path, Relation
from kgrec.explain.wording import Wording, Wordings
from tests.explain.readback import Reader, Vocabulary, agree, told

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run

LANGUAGES = ("en", "zh")
MOVIELENS = {("has", name): ("forward", frozenset({name})) for name in ("genre", "decade", "tag", "broader", "related")}
"""The shipped graph's relations: nouns without a label in either language."""
CHINESE = {("does", "属于…类型"): "genre", ("does", "出自…年代"): "decade"}
"""What the shipped recipe calls some of them."""


def check(paths: Sequence[Path], lang: str) -> set[str]:
    called = CHINESE if lang == "zh" else {}
    known = {key: of for key, of in MOVIELENS.items() if key[1] not in called.values()}
    reader = Reader(lang, known | {key: ("forward", frozenset({name})) for key, name in called.items()})
    kinds = set()
    for path in paths:
        kinds |= {hop.kind for hop in path.relations}
        true = told(path.nodes, path.relations, path.weight < 0)
        assert agree(reader.read(path.text), true), path.text
    return kinds


@pytest.fixture(scope="module")
def pairs(small_run: Run) -> list[tuple[int, int]]:
    """Users with one of their best three items, or any item."""
    snapshot, rng = small_run.snapshot, np.random.default_rng(5)
    made = []
    for turn in range(25):
        user = int(rng.integers(snapshot.num_users))
        scores = small_run.scorer.score(snapshot.matrix("train")[[user]], np.array([user]))[0]
        made.append((user, int(np.argsort(-scores)[turn % 3] if turn % 5 else rng.integers(snapshot.num_items))))
    return made


@pytest.fixture(scope="module")
def paths(small_run: Run, pairs: list[tuple[int, int]]) -> list[Path]:
    """What carries them in the model as trained, at literal knowledge alone, and where co-preference counts more."""
    snapshot, said, flow = small_run.snapshot, small_run.recipe.explain, small_run.scorer.flow
    gates = []
    for fold in flow.gates:
        gate = fold.by_channel["ease>similar"]
        more = {"ease>similar": replace(gate, strength=100 * gate.strength)}
        gates.append(replace(fold, by_channel={**fold.by_channel, **more}))
    scorers = [small_run.scorer, small_run.at_knowledge(1.0).scorer]
    scorers.append(replace(small_run.scorer, flow=replace(flow, gates=tuple(gates))))
    explainers = [FlowExplainer(snapshot, scorer, said) for scorer in scorers]
    return [path for pair in pairs for one in explainers for path in one.explain(*pair, paths=60).paths]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_thousand_paths_of_the_flow_are_read_back(
    small_run: Run, pairs: list[tuple[int, int]], paths: list[Path], lang: str
) -> None:
    wording = Wordings(small_run.snapshot, small_run.recipe.explain).of(lang)
    worded = [replace(path, text=wording.sentence(path.nodes, path.relations, path.weight < 0)) for path in paths]
    assert len(worded) > 1000
    assert any(path.weight < 0 for path in worded)
    assert check(worded, lang) == {"interaction", "fact", "co-preference", "latent", "similarity", "sequence"}
    # these are the explainer's own sentences
    explainer = FlowExplainer(small_run.snapshot, small_run.scorer, small_run.recipe.explain)
    explained = explainer.explain(*pairs[0], paths=3, lang=lang).paths
    assert [path.text for path in explained] == [path.text for path in worded[:3]]


# --- generated paths

PIECES = [
    *(
        "“",
        "”",
        "‘",
        '"',
        "{",
        "}",
        "{object}",
        "%s",
        "…",
        "‹",
        "›",
        ";",
        "; ",
        "；",
        "。",
        ".",
        "\u202e",
        "\u2066",
        "\n",
    ),
    *(
        "you",
        "user 7",
        "你",
        "用户",
        "用户“7”",
        " and ",
        " both ",
        "also ",
        "so does ",
        "so is ",
        " too",
        "也一样",
        "也",
        "都",
    ),
    *("interacted with", "often comes after", "resembles", ", as far as texts and links tell", " (both: 3 people)"),
    *(
        "接触过",
        "往往也喜欢",
        "的人",
        "喜欢",
        "（两者都接触过：3 人）",
        "常常出现在",
        "之后",
        "的",
        "包括",
        "通过",
        "指向",
        "同样，",
    ),
    *("has ", "is ", "属于", ", which has ", "（", "）", "A", "b", "Ж", "7", " ", "_", "genre", "类型", "directed_by"),
]
labels = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
phrases = {
    "en": [
        "is directed by",
        "directed",
        "was set in … by somebody",
        "has maker",
        "gave … its name",
        "likes",
        "interacted with",
        "often comes after",
    ],
    "zh": ["由…执导", "执导了", "把…写进了片名", "属于", "改编自…一书", "喜欢", "接触过", "常常出现在…之后"],
}


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, list[Node], list[Relation], dict[str, Readings], bool]:
    lang = draw(st.sampled_from(LANGUAGES))
    language = Language.of(lang)
    names = {f"r{n}": draw(labels) for n in range(3)}
    free = list(phrases[lang])
    said = {}
    for name in names:
        if draw(st.booleans()):
            forward = of_phrase(free.pop(draw(st.integers(0, len(free) - 1))), language)
            back = of_phrase(free.pop(0), language) if draw(st.booleans()) else None
            said[name] = Readings(forward, back)
    nodes = [Node("u", "User", draw(labels))]
    relations = []
    for n in range(draw(st.integers(1, 5))):
        here = nodes[-1].type
        there = draw(st.sampled_from(["User", "Item", "Genre"]))
        label = draw(labels) if there != "User" or draw(st.booleans()) else f"user {n}"
        nodes.append(Node(f"n{n}", there, label))
        kinds = ["fact"]
        kinds += ["interaction"] * 2 if {here, there} == {"User", "Item"} else []
        kinds += ["co-preference", "latent", "sequence", "similarity"] if here == there == "Item" else []
        kind = draw(st.sampled_from(kinds))
        if kind == "interaction":
            relations.append(Relation("interacts", "forward" if here == "User" else "reverse", "interacts", kind))
        elif kind == "fact":
            name = draw(st.sampled_from(sorted(names)))
            relations.append(Relation(name, draw(st.sampled_from(["forward", "reverse"])), names[name]))
        else:
            relations.append(Relation(kind, "forward", kind, kind, draw(st.integers(0, 2000))))
    return lang, nodes, relations, said, draw(st.booleans())


def vocabulary(relations: Sequence[Relation], said: dict[str, Readings], language: Language) -> Vocabulary:
    found: dict[tuple[str, str], tuple[str, set[str]]] = defaultdict(lambda: ("forward", set()))
    for hop in relations:
        if hop.kind == "fact":
            readings = said.get(hop.name) or Readings(of_name(hop.label, language))
            for direction, reading in (("forward", readings.forward), ("reverse", readings.reverse)):
                if reading is not None:
                    _, names = found.get((reading.kind, reading.relation), (direction, set()))
                    found[reading.kind, reading.relation] = (direction, names | {hop.name})
    return {key: (direction, frozenset(names)) for key, (direction, names) in found.items()}


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_any_labels_and_relations_are_read_back(
    case: tuple[str, list[Node], list[Relation], dict[str, Readings], bool],
) -> None:
    lang, nodes, relations, said, negative = case
    language = Language.of(lang)
    text = Wording(Relations(language, {}, said), "User", "Item").sentence(nodes, relations, negative)
    assert text == plain(text)
    read = Reader(lang, vocabulary(relations, said, language)).read(text)
    assert agree(read, told(nodes, relations, negative)), (text, read)


@pytest.mark.parametrize(
    ("lang", "phrase", "fact", "other"),
    [
        ("en", "interacted with", "You ‹interacted with› “A”.", "You interacted with “A”."),
        ("en", "often comes after", "“B” ‹often comes after› “A”", "“B” often comes after “A”"),
        ("zh", "接触过", "你‹接触过›“A”。", "你接触过“A”。"),
        ("zh", "常常出现在…之后", "“B”‹常常出现在“A”之后›", "“B”常常出现在“A”之后"),
    ],
)
def test_a_fact_never_reads_like_what_it_is_not(lang: str, phrase: str, fact: str, other: str) -> None:
    """A relation that is called just what an interaction or a learned hop is worded as."""
    language = Language.of(lang)
    user, a, b = Node("u", "User", "user 1"), Node("a", "Item", "A"), Node("b", "Item", "B")
    interacts = Relation("interacts", "forward", "interacts", "interaction")
    wording = Wording(Relations(language, {}, {"r": Readings(of_phrase(phrase, language))}), "User", "Item")
    if fact.startswith(("You", "你")):
        assert wording.sentence([user, a], [Relation("r", "forward", "r")]) == fact
        assert wording.sentence([user, a], [interacts]) == other
    else:
        assert fact in wording.sentence([user, a, b], [interacts, Relation("r", "reverse", "r")])
        assert other in wording.sentence(
            [user, a, b], [interacts, Relation("sequence", "forward", "sequence", "sequence")]
        )


def test_every_language_is_read_back() -> None:
    assert languages() == LANGUAGES
