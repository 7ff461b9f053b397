"""What single edges do to a recommendation of a model that is no sum over paths, by running it again without them.

Causal-style as in :mod:`kgrec.explain.causal`: interventions on the model's own inputs, no claim about people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgrec.config.outcome import ExplainConfig
from kgrec.effects import Ranking
from kgrec.effects.graph_sets import MOST, GraphSets, single
from kgrec.effects.nearby import Nearby
from kgrec.effects.rerun import RerunEffects
from kgrec.explain import verdicts
from kgrec.explain.contrast import ROUNDING, nearby_contrast
from kgrec.explain.edges import named_edges
from kgrec.explain.names import Names
from kgrec.explain.types import Contrast, Edge
from kgrec.explain.wording import Wording, Wordings
from kgrec.progress import SILENT, Progress
from kgrec.recommend.lists import SEEN

TRIED = 20
"""Interactions that are taken away one by one, and facts: the nearest."""


@dataclass(frozen=True)
class Tried:
    """One edge that was taken away.

    Attributes:
        edge: with its effect: score less the score without it.
        rank_without: the item's place without it, where it may stand in the list.
    """

    edge: Edge
    rank_without: int | None

    def to_dict(self) -> dict[str, Any]:
        return {**self.edge.to_dict(), "rank_without": self.rank_without}


@dataclass(frozen=True)
class RerunExplanation:
    """What edges do to one recommendation.

    Attributes:
        user, item: ids of the source tables (IRIs where no table names the node).
        item_label: what people call the item.
        rank: place in the user's ranking from 1; None where it may not stand there.
        score: the model's.
        interactions, facts: the user's and the item's edges that were tried, largest effect first.
        about_interactions, about_facts: which these are, as sentences.
        k: length of the list.
        necessary: the smallest set found among these without which the item is not among the first k, each with what
            it does alone; None where there is none.
        verdict: what the set means, as a sentence; empty where the item is not in the list.
        sufficient: the smallest set found that alone keeps it there, the rest of the user's interactions and of the
            item's facts gone; None where it is not there.
        enough: what that set means, as a sentence.
        contrast: with another item, where one was named.
        model: its name; runs: how often it was run for this; seconds: wall-clock time of that.
        notes: what the reader should know besides.
        lang: language tag of the sentences.
    """

    user: str
    item: str
    item_label: str
    rank: int | None
    score: float
    interactions: tuple[Tried, ...]
    facts: tuple[Tried, ...]
    about_interactions: str
    about_facts: str
    k: int
    necessary: tuple[Tried, ...] | None
    verdict: str
    sufficient: tuple[Edge, ...] | None
    enough: str
    contrast: Contrast | None
    model: str
    runs: int
    seconds: float
    notes: tuple[str, ...]
    lang: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of ``kgrec explain --json``."""
        return {
            "user": self.user,
            "item": self.item,
            "item_label": self.item_label,
            "rank": self.rank,
            "score": self.score,
            "tried": [one.to_dict() for one in (*self.interactions, *self.facts)],
            "k": self.k,
            "necessary": None if self.necessary is None else [one.to_dict() for one in self.necessary],
            "sufficient": None if self.sufficient is None else [edge.to_dict() for edge in self.sufficient],
            "contrast": None if self.contrast is None else self.contrast.to_dict(),
            "model": self.model,
            "runs": self.runs,
            "seconds": self.seconds,
            "notes": [self.about_interactions, self.about_facts, *self.notes],
            "lang": self.lang,
        }


class RerunExplainer:
    """Explains pairs by running the model again.

    Args:
        effects: of the model.
        config: the words.
        candidates: which items may be recommended, bool ``[num_items]``.
        k: length of the list.
    """

    def __init__(
        self, effects: RerunEffects, config: ExplainConfig, candidates: NDArray[np.bool_], k: int = 10
    ) -> None:
        self.effects, self.snapshot, self.candidates, self.k = effects, effects.snapshot, candidates, k
        self.names, self.wordings = Names(self.snapshot), Wordings(self.snapshot, config)
        self.nearby, self.shown = Nearby(self.snapshot, effects.facts), config.paths
        self._seen = self.snapshot.matrix(*SEEN)

    def explain(
        self,
        user: int,
        item: int,
        *,
        lang: str | None = None,
        instead_of: int | None = None,
        progress: Progress = SILENT,
    ) -> RerunExplanation:
        """Explains one pair.

        Args:
            user, item: ids.
            lang: language tag of the sentences; by default the configuration's.
            instead_of: an item with which this one is compared.
            progress: shows the runs.

        Raises:
            UserError: there are no words of this language.
            StaleError: the saved parameters do not give the scores that are served.
        """
        wording, effects = self.wordings.of(lang), self.effects
        runs, seconds = effects.runs, effects.seconds
        history = effects.history(user)
        allowed = self.candidates.copy()
        allowed[np.union1d(self._seen[[user]].indices, history)] = False
        listed = GraphSets(effects, user, history, Ranking(allowed), self.k)
        near, about = self.nearby.interactions(history, item), self.nearby.about(history, item)
        edges = single(near[:TRIED], about[:TRIED])
        without = []
        with progress.task(f"running {effects.name} again", len(edges), "runs") as task:
            for one in edges:
                without.append(listed.without([one]))
                task.advance()
        scores, ranking = listed.scores, listed.ranking
        tried = [
            Tried(replace(edge, effect=_effect(scores, after, item)), ranking.place(after, item))
            for one, after in zip(edges, without, strict=True)
            for edge in named_edges(self.names, user, one, wording)
        ]
        count = min(len(near), TRIED)
        rank = ranking.place(scores, item)
        necessary, verdict, sufficient, enough, notes = None, "", None, "", []
        if listed.holds(item):
            found = listed.necessary(item, edges)
            necessary = None if found is None else _ordered([tried[edges.index(one)] for one in found])
            verdict = wording.language.say("rerun.no_set", k=self.k, most=MOST)
            if found is not None:
                verdict = verdicts.necessary(len(found), self.k, wording.language)
            alone = listed.sufficient(item, edges, single(near[TRIED:], about[TRIED:]))
            sufficient = tuple(edge for one in alone for edge in named_edges(self.names, user, one, wording))
            enough = wording.language.say("rerun.alone", k=self.k)
            if alone:
                enough = verdicts.sufficient(len(alone), self.k, wording.language)
        elif rank is not None:
            notes.append(verdicts.outside(rank, self.k, wording.language))
        contrast = None
        if instead_of is not None:
            pair = item, instead_of
            contrast = nearby_contrast(listed, self.nearby, self.names, pair, TRIED, self.shown, wording)
        position = self.snapshot.offsets[self.snapshot.item_type] + item
        person = self.snapshot.offsets[self.snapshot.user_type] + user
        node, keys = self.names.nodes([position])[position], self.names.keys([position, person])
        if self._seen[user, item]:
            notes.append(wording.seen(node))
        unmoved = [np.array_equal(scores, after) for after in without]
        return RerunExplanation(
            keys[person],
            keys[position],
            node.label,
            rank,
            float(scores[item]),
            _ordered(tried[:count]),
            _ordered(tried[count:]),
            self._about("interactions", tried[:count], len(near), all(unmoved[:count]), wording),
            self._about("facts", tried[count:], len(about), all(unmoved[count:]), wording),
            self.k,
            necessary,
            verdict,
            sufficient,
            enough,
            contrast,
            effects.name,
            effects.runs - runs,
            effects.seconds - seconds,
            tuple(notes),
            wording.language.tag,
        )

    def _about(self, kind: str, tried: Sequence[Tried], count: int, unmoved: bool, wording: Wording) -> str:
        say, number = wording.language.say, wording.language.number
        if not count:
            return say(f"rerun.{kind}.none")
        which = "all" if len(tried) == count else "some"
        told = say(f"rerun.{kind}.{which}", tried=number(len(tried)), count=number(count))
        if unmoved:
            return say("rerun.unread", tried=told, model=self.effects.name)
        return told if any(one.edge.effect for one in tried) else say("rerun.still", tried=told)


def told_seconds(seconds: float) -> str:
    """A time as it is printed."""
    return f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.2g}"


def _effect(scores: NDArray[np.float32], after: NDArray[np.float32], item: int) -> float:
    effect = float(scores[item]) - float(after[item])
    return effect if abs(effect) > ROUNDING * float(np.abs(scores).max()) else 0.0


def _ordered(tried: Sequence[Tried]) -> tuple[Tried, ...]:
    return tuple(sorted(tried, key=lambda one: -(one.edge.effect or 0.0)))
