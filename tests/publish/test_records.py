from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kgrec.publish.records import explanation_id

if TYPE_CHECKING:
    from kgrec.explain.types import Path
    from kgrec.pipeline.run import Run
    from kgrec.publish import Record, Recorder

ROUNDING = 1e-5
"""An effect is a difference of single-precision scores, which do not come out to the last bit every time."""


def exact(path: Path) -> Path:
    """A path without what is rounded."""
    return replace(path, effect=None)


def test_they_are_the_lists_and_the_explanations(
    small_run: Run, records: dict[str, list[Record]], knowing: str
) -> None:
    for key, found in records.items():
        run = small_run.at_knowledge(1.0 if key == knowing else 0.0)
        listed = run.recommend(key, k=4)
        assert [record.item_key for record in found] == listed["item"].to_list()
        assert [record.rank for record in found] == [1, 2, 3, 4]
        assert [record.score for record in found] == pytest.approx(listed["score"].to_list(), rel=1e-5)
        for record in found:
            explanation = run.explain(key, record.item_key)
            assert [exact(reason.path) for reason in record.reasons] == [exact(path) for path in explanation.paths]
            effects = [path.effect for path in explanation.paths]
            assert [reason.path.effect for reason in record.reasons] == pytest.approx(effects, abs=ROUNDING)
            assert record.user.key == key
            assert record.user.node == explanation.paths[0].nodes[0]
            assert record.item == explanation.paths[0].nodes[-1]
            assert record.text.splitlines() == [*(path.text for path in explanation.paths), *explanation.notes]


def test_in_another_language_only_the_words_differ(small_run: Run, recorder_of: Callable[..., Recorder]) -> None:
    user = small_run.snapshot.user_id("7")
    ((_, english, _),) = recorder_of(small_run).records([user])
    ((_, chinese, _),) = recorder_of(small_run, lang="zh").records([user])
    for one, other in zip(english, chinese, strict=True):
        assert (other.id, other.score, other.user, other.item) == (one.id, one.score, one.user, one.item)
        for reason, same in zip(one.reasons, other.reasons, strict=True):
            assert (same.part, same.path.nodes) == (reason.part, reason.path.nodes)
            assert same.path.effect == pytest.approx(reason.path.effect, abs=ROUNDING)
            assert same.path.text.startswith("你接触过“")
            assert reason.path.text.startswith("You interacted with “")


def test_parts_are_shares_by_the_mass_of_the_score(
    small_run: Run, records: dict[str, list[Record]], knowing: str
) -> None:
    for key, found in records.items():
        run = small_run.at_knowledge(1.0 if key == knowing else 0.0)
        for record in found:
            explanation = run.explain(key, record.item_key)
            mass = sum(abs(part) for _, part in explanation.channels) + abs(explanation.prior)
            assert mass >= abs(record.score) * (1 - 1e-9)
            for reason in record.reasons:
                assert reason.part == pytest.approx(reason.path.share / mass)
                assert -1 <= reason.part <= 1


def test_effects_and_places_are_those_without_the_paths_edges(
    small_run: Run, records: dict[str, list[Record]], knowing: str
) -> None:
    snapshot = small_run.snapshot
    for key, found in records.items():
        run = small_run.at_knowledge(1.0 if key == knowing else 0.0)
        user = snapshot.user_id(key)
        history = snapshot.matrix("train")[[user]].indices
        for record in found[:2]:
            item = snapshot.item_id(record.item_key)
            for reason in record.reasons:
                out = snapshot.item_id(reason.path.nodes[1].id)
                facts = [hop for hop in reason.path.relations if hop.kind == "fact"]
                carried = [
                    run.explainer.flows(user, item, kept).sent.sum() for kept in (history, history[history != out])
                ]
                alone = carried[0] - carried[1]
                assert reason.path.effect == pytest.approx(alone, abs=1e-4) or facts
                ends = [f'"{node.id}"' for node in reason.path.nodes[1:]]
                named = [
                    ",".join((a, hop.name, b) if hop.direction == "forward" else (b, hop.name, a))
                    for a, b, hop in zip(ends, ends[1:], reason.path.relations[1:])
                    if hop.kind == "fact"
                ]
                moved = run.what_if(key, drop_items=[reason.path.nodes[1].id], drop=sorted(set(named)), k=record.rank)
                places = {row.item: row.other_rank for row in moved.before}
                assert reason.path.rank_without == places[record.item_key]


def test_of_another_model(linear_run: Run, recorder_of: Callable[..., Recorder]) -> None:
    ((person, found, absences),) = recorder_of(linear_run, k=3).records([5])
    assert {one.kind for one in absences} >= {"interaction"}
    assert [record.rank for record in found] == [1, 2, 3]
    assert found[0].model == linear_run.scorer.name
    for record in found:
        assert record.user == person
        for reason in record.reasons:
            assert reason.path.effect is not None
            assert abs(reason.part) <= 1 + 1e-9


def test_ids_are_plain_text() -> None:
    assert explanation_id("movielens", "42", "318") == "movielens/42/318"
    hostile = explanation_id("a/b", "'; MATCH (n)", "`\n\x00é")
    assert hostile == "a%2Fb/%27%3B%20MATCH%20%28n%29/%60%0A%00%C3%A9"
    assert explanation_id("a", "b/c", "d") != explanation_id("a/b", "c", "d")
