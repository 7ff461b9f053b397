"""Why a flow recommends an item, as what its place would be without each reason: causal-style explanation.

Interventions on the model's own inputs, worked out anew (:mod:`kgrec.effects`); no claim about people's minds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config.outcome import ExplainConfig
from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import EdgeSet, Fact, FlowEffects, Person, Ranking, SetSearch
from kgrec.effects.facts import Facts
from kgrec.effects.links import LinkEdit
from kgrec.explain import verdicts
from kgrec.explain.contrast import named_contrast
from kgrec.explain.flow import FlowExplainer
from kgrec.explain.flows import Flows, Heavy
from kgrec.explain.listing import Listing
from kgrec.explain.types import Causes, Contrast, Explanation
from kgrec.explain.wording import Wording
from kgrec.flow.hops import Node as NodeId
from kgrec.flow.model import FlowScorer
from kgrec.flow.part import Part
from kgrec.recommend.lists import SEEN

WITH_FACTS = 4
"""Paths with facts whose effect is looked at, or as many as are wanted."""
WORTH = 0.1
"""Of the largest effect of one interaction: facts are looked at first where what goes through their entity is more."""
PEOPLE = 16
"""People whose lists are remembered."""
ENTITIES = 64
"""Entities whose edits are kept: many users' reasons pass the same few that most items have."""


class Reason(NamedTuple):
    """A path with what it does."""

    path: Heavy
    items: frozenset[int]
    facts: frozenset[Fact]
    effect: float
    place: int | None


class CausalExplainer(FlowExplainer, Listing):
    """Explains pairs of one fitted flow with effects, places, necessary and sufficient sets.

    Args:
        snapshot: what the model was fitted on.
        scorer: the fitted model.
        config: number of paths, and their words.
        text: reads the text vectors that the model was fitted with, where it was; called when they are needed.
        candidates: which items may be recommended, bool ``[num_items]``; all by default.
        k: length of the list.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        scorer: FlowScorer,
        config: ExplainConfig | None = None,
        text: Callable[[], Features | None] | None = None,
        candidates: NDArray[np.bool_] | None = None,
        k: int = 10,
    ) -> None:
        super().__init__(snapshot, scorer, config)
        self.effects, self.k = FlowEffects(snapshot, scorer, text), k
        self.candidates = np.ones(snapshot.num_items, dtype=bool) if candidates is None else candidates
        self._seen = snapshot.matrix(*SEEN)
        self.listed = lru_cache(PEOPLE)(self._listed)
        self._entity_edit = lru_cache(ENTITIES)(self._edit_of_entity)

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

        The paths are those with the largest effects of all that are looked at, one for each set of edges: several
        channels may carry what one interaction does.  Looked at are the interactions that do most, the heaviest paths,
        and paths of facts whose interaction and entity carry most together, each of the two once.  Ties are broken by
        share, then by id.

        Args:
            instead_of: an item with which this one is compared.
        """
        self._check(user, item)
        liked = self._history(user, history)
        listed = self.listed(user, None if history is None else tuple(liked.tolist()))
        flows = self.flows(user, item, liked, listed.weights(item))
        rank = listed.ranking.place(listed.scores, item) if rank is None else rank
        wanted = paths or self.config.paths
        found, linked = self.search(flows, item, max(2 * wanted, WITH_FACTS))
        listed.ready([item], wanted)
        reasons = self._reasons(listed, flows, item, found, wanted)
        whole = self._explanation(user, item, flows, rank, [one.path for one in reasons], linked, lang)
        notes = list(whole.notes)
        if rank is not None and not listed.holds(item):
            notes.append(verdicts.outside(rank, self.k, self.wordings.of(lang).language))
        shown = tuple(
            replace(path, effect=reason.effect, rank_without=reason.place)
            for path, reason in zip(whole.paths, reasons, strict=True)
        )
        if not shown and whole.mass and len(liked):
            notes.append(self._carried_alone(whole, lang))
        causes = self._causes(listed, user, item, reasons, instead_of, wanted, lang)
        return replace(whole, paths=shown, causes=causes, notes=tuple(notes))

    def explain_list(
        self, user: int, ranked: Sequence[tuple[int, int]], *, paths: int | None = None, lang: str | None = None
    ) -> list[Explanation]:
        """Explains items of one user's list; see :meth:`kgrec.explain.choose.Explains.explain_list`.

        What they all ask of the model is worked out at once.
        """
        self.listed(user, None).ready([item for _, item in ranked], paths or self.config.paths)
        return [self.explain(user, item, rank=rank, paths=paths, lang=lang) for rank, item in ranked]

    def _carried_alone(self, whole: Explanation, lang: str | None) -> str:
        """What carries an item to which no path can be spelled out."""
        content = {channel.name for channel in self.channels if channel.kind == "content"}
        text = sum(abs(part) for name, part in whole.channels if name in content)
        language = self.wordings.of(lang).language
        return verdicts.carried_alone(abs(whole.prior) / whole.mass, text / whole.mass, language)

    @cached_property
    def part(self) -> Part:
        """What the effects read, too."""
        return self.effects.linked

    # --- people

    @property
    def facts(self) -> Facts:
        return self.effects.facts

    def history(self, user: int) -> NDArray[np.int64]:
        return self.scored(user).person.items

    def scored(self, user: int) -> SetSearch:
        return self.listed(user, None)

    def without_entity(self, user: int, node: NodeId) -> NDArray[np.float32]:
        listed = self.scored(user)
        return listed.scores + self.effects.by_links(listed.person, self._entity_edit(node))

    def _listed(self, user: int | None, history: tuple[int, ...] | None) -> SetSearch:
        if user is None:
            ids = np.array(history or (), dtype=np.int64)
            row = sp.csr_array(
                (np.ones(len(ids), dtype=np.float32), ids, np.array([0, len(ids)])), shape=(1, self.snapshot.num_items)
            )
            person = Person.newcomer(self.scorer, row)
            known = ids
        else:
            person = self.effects.person(user, None if history is None else np.array(history, dtype=np.int64))
            known = np.union1d(self._seen[[user]].indices, person.items)
        allowed = self.candidates.copy()
        allowed[known] = False
        return SetSearch(self.effects, person, Ranking(allowed), self.k)

    def _edit_of_entity(self, node: NodeId) -> LinkEdit | None:
        graph = self.effects.graph
        return None if graph is None else graph.edit(self.facts.of_node(node), frozenset())

    # --- effects

    def _reasons(self, listed: SetSearch, flows: Flows, item: int, found: Sequence[Heavy], wanted: int) -> list[Reason]:
        """The paths with the largest effects of those that are looked at, each with edges of its own."""
        single, history = listed.effects_of_items(item), listed.person.items
        does = dict(zip(history.tolist(), single.tolist(), strict=True))
        most = np.argsort(-single, kind="stable")[:wanted].tolist()
        heaviest: dict[int, Heavy] = {}
        for hops, carried in found:
            heaviest.setdefault(carried.source, (hops, carried))
        for j in most:
            if int(history[j]) not in heaviest and (path := self.heaviest_from(flows, item, j)) is not None:
                heaviest[int(history[j])] = path
        chosen = [
            Reason(path, frozenset([source]), frozenset(), does[source], None)
            for source, path in heaviest.items()
            if not self._facts_of(path)
        ]
        own = [heaviest[source] for source in history[most].tolist() if source in heaviest]
        # what goes through an entity that is not worth a look adds little to an interaction that does little
        least = single[most[-1]] - WORTH * single.max() if len(most) == wanted else -np.inf
        looked_at = self._with_facts(
            [*self._through_facts(flows, item, single, wanted), *own],
            [path for path in found if does[path[1].source] >= least],
            max(WITH_FACTS, wanted),
        )
        # at once, which takes less time
        for _ in listed.scores_without([items for items, _ in looked_at]):
            pass
        for edges, path in looked_at.items():
            scores = listed.score(*edges)
            effect = float(listed.scores[item]) - float(scores[item])
            chosen.append(Reason(path, *edges, effect, listed.ranking.place(scores, item)))
        chosen.sort(key=lambda one: (-one.effect, -one.path[1].weight, len(one.path[0]), one.path[1].source))
        return self._placed(listed, item, chosen[:wanted])

    def _with_facts(
        self, always: Sequence[Heavy], others: Sequence[Heavy], room: int
    ) -> dict[tuple[frozenset[int], frozenset[Fact]], Heavy]:
        """Paths that have facts, one for each set of edges: some always, then the heaviest of others while there is
        room."""
        chosen: dict[tuple[frozenset[int], frozenset[Fact]], Heavy] = {}
        for n, path in enumerate([*always, *sorted(others, key=lambda one: -abs(one[1].weight))]):
            if (n < len(always) or len(chosen) < room) and (facts := self._facts_of(path)):
                chosen.setdefault((frozenset([path[1].source]), facts), path)
        return chosen

    def _through_facts(self, flows: Flows, item: int, single: NDArray[np.float64], wanted: int) -> list[Heavy]:
        """Paths of facts that may do most: what their interaction does, and what goes through their entity from all
        others; no interaction and no entity twice."""
        carried = self.carried_by_facts(flows, item)
        if carried is None or not len(carried[0]):
            return []
        number, place, weight = carried
        pair, of = np.unique(number * len(single) + place, return_inverse=True)
        entity, j = np.divmod(pair, len(single))
        gained = np.bincount(number, weight)[entity] - np.bincount(of, weight)
        likely = np.where(gained > WORTH * single.max(), single[j] + gained, -np.inf)
        found: list[Heavy] = []
        taken: set[tuple[str, int]] = set()
        for n in np.argsort(-likely, kind="stable").tolist():
            if len(found) >= max(WITH_FACTS, wanted) or likely[n] == -np.inf:
                break
            ends = {("item", int(j[n])), ("entity", int(entity[n]))}
            if taken.isdisjoint(ends) and (path := self.heaviest_through(flows, item, *map(int, (j[n], entity[n])))):
                found.append(path)
                taken |= ends
        return found

    def _placed(self, listed: SetSearch, item: int, reasons: list[Reason]) -> list[Reason]:
        """With the place without each."""
        open_ = [reason.items for reason in reasons if not reason.facts]
        places = iter(listed.places_without(item, open_))
        return [reason if reason.facts else reason._replace(place=next(places)) for reason in reasons]

    def _facts_of(self, path: Heavy) -> frozenset[Fact]:
        between = self.effects.facts.between
        return frozenset(
            between(hop.source, hop.relation, hop.target, hop.outward) for hop in path[0] if hop.kind == "fact"
        )

    # --- sets

    def _causes(
        self,
        listed: SetSearch,
        user: int | None,
        item: int,
        reasons: Sequence[Reason],
        instead_of: int | None,
        wanted: int,
        lang: str | None,
    ) -> Causes:
        wording = self.wordings.of(lang)
        facts = sorted(set().union(*(reason.facts for reason in reasons)))
        inside = listed.holds(item)
        necessary = listed.necessary(item, facts) if inside else None
        sufficient = listed.sufficient(item) if inside else None
        texts = []
        if inside:
            texts.append(verdicts.necessary(None if necessary is None else len(necessary), self.k, wording.language))
            if sufficient is not None:
                texts.append(verdicts.sufficient(len(sufficient), self.k, wording.language))
        other = None if instead_of is None else self._contrast(listed, user, (item, instead_of), wanted, wording)
        return Causes(
            self.k,
            None if necessary is None else self.edges(user, necessary, wording),
            None if sufficient is None else self.edges(user, sufficient, wording),
            other,
            tuple(texts),
        )

    def _contrast(
        self, listed: SetSearch, user: int | None, pair: tuple[int, int], wanted: int, wording: Wording
    ) -> Contrast:
        item, other = pair
        difference = float(listed.scores[item]) - float(listed.scores[other])
        above, below = (item, other) if difference >= 0 else (other, item)
        effects, turned = listed.contrast(above, below)
        most = [j for j in np.argsort(-effects, kind="stable")[:wanted].tolist() if effects[j] > 0]
        edges = [(EdgeSet((int(listed.person.items[j]),)), float(effects[j])) for j in most]
        return named_contrast(self.names, user, item, other, difference, edges, turned, wording)
