"""Why a linear graph neural network recommends an item, as what its place would be without each reason.

The paths are the heaviest ones (:mod:`kgrec.explain.explainer`); what each does is worked out on the edited graph
(:mod:`kgrec.effects.linear`).  No claim about people's minds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kgrec.config.outcome import ExplainConfig
from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import EdgeSet, Ranking
from kgrec.effects.facts import Facts
from kgrec.effects.graph_sets import MOST, GraphSets, joined, single
from kgrec.effects.linear import LinearEffects
from kgrec.effects.nearby import Nearby
from kgrec.explain import verdicts
from kgrec.explain.contrast import nearby_contrast
from kgrec.explain.explainer import Explainer
from kgrec.explain.listing import Listing
from kgrec.explain.types import Causes, Explanation, Path
from kgrec.explain.without import cut_of_path, edge_sets
from kgrec.explain.wording import Wording
from kgrec.recommend.linear import LinearScorer
from kgrec.recommend.lists import SEEN

TRIED = 10
"""Interactions that are taken away one by one, and facts: those of the paths, and the nearest."""
PEOPLE = 16
"""People whose lists are remembered."""


class LinearExplainer(Listing):
    """Explains pairs of one linear network with effects, places, necessary and sufficient sets.

    Args:
        snapshot: what the model was trained on.
        scorer: the model.
        config: path length, number of paths, and their words.
        candidates: which items may be recommended, bool ``[num_items]``; all by default.
        k: length of the list.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        scorer: LinearScorer,
        config: ExplainConfig | None = None,
        candidates: NDArray[np.bool_] | None = None,
        k: int = 10,
    ) -> None:
        if len(scorer.propagation.edge_types) == 1:
            # interactions are all that it read: facts cannot be reasons
            snapshot = snapshot.without_knowledge()
        self.snapshot, self.paths = snapshot, Explainer(snapshot, scorer.propagation, config)
        self.names, self.wordings = self.paths.names, self.paths.wordings
        self.effects, self.k = LinearEffects(snapshot, scorer), k
        self.nearby = Nearby(snapshot, self.effects.facts)
        self.candidates = np.ones(snapshot.num_items, dtype=bool) if candidates is None else candidates
        self._seen = snapshot.matrix(*SEEN)
        self.listed = lru_cache(PEOPLE)(self._listed)

    def explain(
        self,
        user: int | None,
        item: int,
        *,
        history: Sequence[int] | NDArray[np.int64] | None = None,
        rank: int | None = None,
        paths: int | None = None,
        lang: str | None = None,
        instead_of: int | None = None,
    ) -> Explanation:
        """Explains one pair; see :meth:`kgrec.explain.choose.Explains.explain`.

        Of the heaviest paths those with the largest effects come first.

        Args:
            instead_of: an item with which this one is compared.
        """
        whole = self.paths.explain(user, item, history=history, rank=rank, paths=paths, lang=lang)
        wording = self.wordings.of(lang)
        listed = self.listed(user, tuple(self.paths.history(user, history).tolist()))
        rank = listed.ranking.place(listed.scores, item) if rank is None else rank
        cuts = [cut_of_path(path) for path in whole.paths]
        edges = edge_sets(self.snapshot, cuts)
        found = [
            (self._shown(listed, path, edges[cut], item), edges[cut])
            for path, cut in zip(whole.paths, cuts, strict=True)
        ]
        # heavier ones are the first of those that do as much
        found.sort(key=lambda one: -(one[0].effect or 0.0))
        notes = list(whole.notes)
        if rank is not None and not listed.holds(item):
            notes.append(verdicts.outside(rank, self.k, wording.language))
        causes = self._causes(listed, item, [one for _, one in found], instead_of, wording)
        return replace(whole, rank=rank, paths=tuple(path for path, _ in found), causes=causes, notes=tuple(notes))

    @property
    def facts(self) -> Facts:
        return self.effects.facts

    def history(self, user: int) -> NDArray[np.int64]:
        return self.effects.history(user)

    def scored(self, user: int) -> GraphSets:
        return self.listed(user, tuple(self.history(user).tolist()))

    def explain_list(
        self, user: int, ranked: Sequence[tuple[int, int]], *, paths: int | None = None, lang: str | None = None
    ) -> list[Explanation]:
        """Explains items of one user's list; see :meth:`kgrec.explain.choose.Explains.explain_list`."""
        return [self.explain(user, item, rank=rank, paths=paths, lang=lang) for rank, item in ranked]

    def _listed(self, user: int | None, history: tuple[int, ...]) -> GraphSets:
        items = np.array(history, dtype=np.int64)
        allowed = self.candidates.copy()
        allowed[items if user is None else np.union1d(self._seen[[user]].indices, items)] = False
        return GraphSets(self.effects, user, items, Ranking(allowed), self.k)

    # --- effects

    def _shown(self, listed: GraphSets, path: Path, edges: EdgeSet, item: int) -> Path:
        """A path with what its own edges do."""
        scores = listed.without([edges])
        effect = float(listed.scores[item]) - float(scores[item])
        return replace(path, effect=effect, rank_without=listed.ranking.place(scores, item))

    # --- sets

    def _causes(
        self, listed: GraphSets, item: int, paths: Sequence[EdgeSet], instead_of: int | None, wording: Wording
    ) -> Causes:
        necessary, sufficient, texts = None, None, []
        if listed.holds(item):
            tried, others = self._near(listed, item, joined(paths))
            necessary = listed.necessary(item, tried)
            sufficient = listed.sufficient(item, tried, others)
            language, asked = wording.language, joined(tried)
            texts = [
                language.say("set.not_found", k=self.k, most=MOST, items=len(asked.items), facts=len(asked.facts)),
                language.say("set.learned", k=self.k),
            ]
            if necessary is not None:
                texts[0] = verdicts.necessary(len(necessary), self.k, language)
            if sufficient:
                texts[1] = verdicts.sufficient(len(sufficient), self.k, language)
        named = [
            None if one is None else self.edges(listed.user, joined(one), wording) for one in (necessary, sufficient)
        ]
        contrast = None
        if instead_of is not None:
            shown = self.paths.config.paths
            contrast = nearby_contrast(listed, self.nearby, self.names, (item, instead_of), TRIED, shown, wording)
        return Causes(self.k, named[0], named[1], contrast, tuple(texts))

    def _near(self, listed: GraphSets, item: int, first: EdgeSet) -> tuple[list[EdgeSet], list[EdgeSet]]:
        """Edges that are tried one by one, and the rest of the person's interactions and the item's facts."""
        near = self.nearby.interactions(listed.history, item).tolist()
        about = self.nearby.about(listed.history, item)
        items, own = list(dict.fromkeys([*first.items, *near])), list(dict.fromkeys([*first.facts, *about]))
        mine = set(about)
        # facts of a path that are not the item's stay where they are when the rest goes
        return (
            single(items[:TRIED], own[:TRIED]),
            single(items[TRIED:], [fact for fact in own[TRIED:] if fact in mine]),
        )
