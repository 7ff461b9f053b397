"""Why a flow scores an item for a user as it does: its score is a sum over paths and a prior, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kgrec.config.outcome import ExplainConfig
from kgrec.dataset.snapshot import INTERACTS, Snapshot
from kgrec.explain.flows import Carried, FlowPaths, Flows, Heavy
from kgrec.explain.names import Names
from kgrec.explain.through import Linked
from kgrec.explain.types import Direction, Explanation, Node, Path, Relation, Through
from kgrec.explain.wording import Wording, Wordings
from kgrec.flow.hops import Hop
from kgrec.flow.hops import Node as NodeId
from kgrec.flow.model import FlowScorer


class Nodes(NamedTuple):
    """Names of nodes, and the source table's ids of user and item."""

    named: dict[NodeId, Node]
    keys: dict[NodeId, str]


class FlowExplainer(FlowPaths):
    """Explains pairs of one fitted flow; made once, it answers in milliseconds.

    Args:
        snapshot: what the model was fitted on.
        scorer: the fitted model.
        config: number of paths, and their words.
    """

    def __init__(self, snapshot: Snapshot, scorer: FlowScorer, config: ExplainConfig | None = None) -> None:
        super().__init__(snapshot, scorer)
        self.config = config or ExplainConfig()
        self.names, self.wordings = Names(snapshot), Wordings(snapshot, self.config)

    def explain(
        self,
        user: int | None,
        item: int,
        *,
        history: Sequence[int] | NDArray[np.int64] | None = None,
        rank: int | None = None,
        paths: int | None = None,
        lang: str | None = None,
    ) -> Explanation:
        """Explains one pair; see :meth:`kgrec.explain.choose.Explains.explain`.

        Paths that visit a node twice (possible where the item is in the history) and those that are too light to be
        among the heaviest are summed, not shown.  A path whose channel has others of the opposite sign between the
        same two items may be missed, never miscounted.
        """
        self._check(user, item)
        flows = self.flows(user, item, self._history(user, history))
        return self._explanation(user, item, flows, rank, *self.search(flows, item, paths or self.config.paths), lang)

    def _history(self, user: int | None, history: Sequence[int] | NDArray[np.int64] | None) -> NDArray[np.int64]:
        """Distinct item ids, sorted."""
        if history is None:
            if user is None:
                raise ValueError("a person who is not in the snapshot needs a history")
            train = self.part.train
            return np.asarray(train.indices[train.indptr[user] : train.indptr[user + 1]], dtype=np.int64)
        liked = np.unique(np.asarray(history, dtype=np.int64))
        if len(liked) and (liked[0] < 0 or liked[-1] >= self.snapshot.num_items):
            raise ValueError(f"a history holds item ids in [0, {self.snapshot.num_items})")
        return liked

    def _check(self, user: int | None, item: int) -> None:
        snapshot = self.snapshot
        if user is not None and not 0 <= user < snapshot.num_users:
            raise ValueError(f"user {user} is out of range ({snapshot.num_users} users)")
        if not 0 <= item < snapshot.num_items:
            raise ValueError(f"item {item} is out of range ({snapshot.num_items} items)")

    def _explanation(
        self,
        user: int | None,
        item: int,
        flows: Flows,
        rank: int | None,
        found: Sequence[Heavy],
        linked: Sequence[Linked],
        lang: str | None,
    ) -> Explanation:
        """The sums and these paths, in words."""
        snapshot, wording = self.snapshot, self.wordings.of(lang)
        prior = float(self.scorer.prior()[item])
        parts = flows.sent.sum(axis=1)
        total = float(parts.sum())
        nodes = self._nodes(user, item, found, linked)
        target = nodes.named[snapshot.item_type, item]
        unknown = Node("", snapshot.user_type, "you")
        person = unknown if user is None else nodes.named[snapshot.user_type, user]
        size = float(np.abs(parts).sum()) + abs(prior)
        knowledge = [c for c, channel in enumerate(self.channels) if channel.knowledge]
        order = np.argsort(-np.abs(parts), kind="stable")
        return Explanation(
            "" if user is None else nodes.keys[snapshot.user_type, user],
            nodes.keys[snapshot.item_type, item],
            target.label,
            rank,
            total + prior,
            tuple(self._path(person, hops, carried, nodes, wording) for hops, carried in found),
            total,
            0.0,
            self._notes(flows, item, target, wording),
            prior,
            tuple((self.channels[c].name, float(parts[c])) for c in order if parts[c]),
            float(np.abs(parts[knowledge]).sum()) / size if size else 0.0,
            tuple(
                Through(nodes.named[node], weight, items, wording.through(nodes.named[node], items, target))
                for node, weight, items in linked
            ),
            wording.language.tag,
        )

    # --- words

    def _nodes(self, user: int | None, item: int, found: Sequence[Heavy], linked: Sequence[Linked]) -> Nodes:
        """All nodes that are to be named; ids of user and item as the source table has them."""
        snapshot = self.snapshot
        ends: list[NodeId] = [(snapshot.item_type, item)] + ([] if user is None else [(snapshot.user_type, user)])
        wanted = {*ends, *(node for node, _, _ in linked), *((snapshot.item_type, one.source) for _, one in found)}
        wanted |= {hop.target for hops, _ in found for hop in hops}
        position = {node: snapshot.offsets[node[0]] + node[1] for node in wanted}
        named = self.names.nodes(sorted(position.values()))
        keys = self.names.keys([position[node] for node in ends])
        return Nodes({node: named[at] for node, at in position.items()}, {node: keys[position[node]] for node in ends})

    def _path(self, person: Node, hops: tuple[Hop, ...], carried: Carried, nodes: Nodes, wording: Wording) -> Path:
        snapshot = self.snapshot
        chain = (person, nodes.named[snapshot.item_type, carried.source], *(nodes.named[hop.target] for hop in hops))
        relations = (_interaction("forward"), *(_relation(hop, wording) for hop in hops))
        text = wording.sentence(chain, relations, carried.weight < 0)
        return Path(chain, relations, carried.weight, text, channels=tuple(carried.channels))

    def _notes(self, flows: Flows, item: int, target: Node, wording: Wording) -> tuple[str, ...]:
        say = wording.language.say
        notes = []
        if item in flows.history:
            notes.append(wording.seen(target))
        if len(flows.history) == 0:
            notes.append(say("note.nothing_prior"))
        elif not self.scorer.flow.catalogue.degree[item]:
            notes.append(say("note.content", item=wording.language.quoted(target.label)))
        return tuple(notes)


def _interaction(direction: Direction) -> Relation:
    return Relation(INTERACTS, direction, INTERACTS, "interaction")


def _relation(hop: Hop, wording: Wording) -> Relation:
    direction: Direction = "forward" if hop.outward else "reverse"
    if hop.kind == "interaction":
        return _interaction(direction)
    if hop.kind == "fact":
        return Relation(hop.relation, direction, wording.relations.label(hop.relation), "fact")
    return Relation(hop.kind, "forward", hop.kind, hop.kind, hop.support)
