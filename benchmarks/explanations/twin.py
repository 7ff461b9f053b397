"""The flow of one pair as message passing whose edges can be masked softly.

    item –fact– entity –fact– item of the history –interaction– user

carries the literal knowledge channels; what learned channels send from an item of the history is frozen in that item's
features, and goes on to the user over the same interaction.  The scores of the item and of its rivals are the user's
state plus the prior, and equal :class:`~kgrec.flow.model.FlowScorer`'s where no edge is masked.

A mask scales an edge's message and nothing else.  What the model recomputes when an edge is really gone, no soft mask
can: the history's size and ages, the length of an item's row of links, its places among the nearest, and what texts
and links do inside learned channels.  That is why explanations are judged by recomputation and not on this twin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from benchmarks.explanations.edges import Candidates
from benchmarks.explanations.world import World
from kgrec.effects.board import block
from kgrec.flow.channel import Channel
from kgrec.flow.gates import Gate
from kgrec.flow.mix import coefficient

RIVALS = 200
"""Best items of the list that the item is compared with."""


class Carry(MessagePassing):
    """``x'_t = Σ_{s→t} w_st x_s`` with a weight for each block of features."""

    def __init__(self) -> None:
        super().__init__(aggr="add", node_dim=0)

    def forward(self, x: Tensor, edge_index: Tensor, weight: Tensor) -> Tensor:
        """``x``: ``[N, B, K]``; ``weight``: ``[E, B]``."""
        carried: Tensor = self.propagate(edge_index, x=x, weight=weight, size=(len(x), len(x)))
        return carried

    def message(self, x_j: Tensor, weight: Tensor) -> Tensor:
        return x_j * weight[:, :, None]


class Twin(nn.Module):
    """Scores of one person, of an item and of its rivals.

    Every layer walks over the same edges, with weight 0 where an edge is none of its own, so that an explainer's mask
    has one place an edge.  Blocks of features: all links together (``kg``), then one block for each power of age with
    the relations' channels.

    Attributes:
        columns: item ids that are scored, int64 ``[K]``, increasing; target: place of the item among them.
        edge_index: int64 ``[2, E]``: interactions, then (entity, item of the history), then (item, entity).
        edges: how many of each.
        x: the features of the nodes, for explainers that ask for some: ``[N, 1]``, not read.
    """

    def __init__(self, world: World, pair: Candidates, log_probs: bool = True) -> None:
        super().__init__()
        self.log_probs = log_probs
        person, graph = world.person(pair.user), world.effects.graph
        scores = world.effects.score(person)
        self.columns = np.union1d(world.ranking(pair.user).top(scores, RIVALS), [pair.item])
        self.target = int(np.searchsorted(self.columns, pair.item))
        h, x, k = len(pair.history), len(pair.links), len(self.columns)

        terms = _terms(world, pair, self.columns)
        powers = sorted({term.power for term in terms})
        blocks = 1 + len(powers)
        # nodes: history, links, the item, the user
        nodes, item_node, user_node = h + x + 2, h + x, h + x + 1
        own = np.array([pair.item])
        features = np.zeros((nodes, blocks, k), dtype=np.float32)
        # what rivals send to their links, and by which the item's own message is multiplied there
        gate = np.zeros((nodes, blocks, k), dtype=np.float32)
        frozen = np.zeros((nodes, len(powers), k), dtype=np.float32)
        onward = np.zeros((nodes, len(powers), k), dtype=np.float32)
        history_links = np.zeros((h, x, blocks), dtype=np.float32)
        item_links = np.zeros((x, blocks), dtype=np.float32)
        age = np.zeros((h, len(powers)), dtype=np.float32)
        for term in terms:
            b = powers.index(term.power)
            age[:, b] = term.weights
            flow = block(term.channel, pair.history, self.columns)
            frozen[:h, b] += term.factor * flow
            if graph is None or not x or term.channel.family != "kg":
                continue
            together = term.channel.name == "kg"
            rows = graph.rows if together else graph.links.by_relation[term.channel.name.split(":", 1)[1]]
            mine, theirs, its = (rows[some][:, pair.links].toarray() for some in (pair.history, self.columns, own))
            place = 0 if together else 1 + b
            used = np.flatnonzero(mine.any(axis=0))
            at = h + used
            theirs[self.target] = 0.0
            factor = np.ones(k) if together else term.factor
            features[at, place] = factor * theirs[:, used].T
            gate[at, place, self.target] = factor[self.target]
            history_links[:, used, place] = mine[:, used]
            item_links[used, place] = its[0, used]
            literal = mine @ rows[self.columns][:, pair.links].toarray().T
            if together:
                near = (flow != 0).astype(np.float32)
                onward[:h, b] = term.factor * near
                literal = literal * near
            frozen[:h, b] -= term.factor * literal
        one_hot = np.zeros_like(features)
        one_hot[item_node, :, self.target] = 1.0

        held = np.array([(j, c) for j in range(h) for c in range(x) if history_links[j, c].any()], dtype=np.int64)
        held = held.reshape(-1, 2)
        sources = np.concatenate([np.arange(h), h + held[:, 1], np.full(x, item_node)])
        targets = np.concatenate([np.full(h, user_node), held[:, 0], h + np.arange(x)])
        self.edges = (h, len(held), x)
        self.held = held
        e = len(sources)
        to_user, to_history, to_links = (np.zeros((e, n), np.float32) for n in (len(powers), blocks, blocks))
        to_user[:h] = age
        to_history[h : h + len(held)] = history_links[held[:, 0], held[:, 1]]
        to_links[h + len(held) :] = item_links
        self.carry = nn.ModuleList([Carry(), Carry(), Carry()])
        self.user = user_node
        tensors = {
            "edge_index": np.stack([sources, targets]).astype(np.int64),
            "x": np.ones((nodes, 1), dtype=np.float32),
            "prior": world.scorer.prior()[self.columns],
            **{"features": features, "gate": gate, "frozen": frozen, "onward": onward, "one_hot": one_hot},
            **{"to_user": to_user, "to_history": to_history, "to_links": to_links},
        }
        for name, value in tensors.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(value)), persistent=False)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Scores, or their log-softmax over item and rivals: ``[1, K]``.

        Args:
            x: not read.
            edge_index: :attr:`edge_index`.
        """
        to_links, to_history, to_user = self.carry
        at_links = self.features + self.gate * to_links(self.one_hot, edge_index, self.to_links)
        at_history = to_history(at_links, edge_index, self.to_history)
        state = self.frozen + self.onward * at_history[:, :1] + at_history[:, 1:]
        scores = self.prior[None] + to_user(state, edge_index, self.to_user)[self.user].sum(dim=0)[None]
        return scores.log_softmax(dim=-1) if self.log_probs else scores


@dataclass(frozen=True, eq=False)
class _Term:
    """A channel's gates that weigh age alike: their factor ``[K]``, and the history's weights ``[h]``."""

    channel: Channel
    power: float
    factor: NDArray[np.float32]
    weights: NDArray[np.float32]


def _terms(world: World, pair: Candidates, columns: NDArray[np.int64]) -> list[_Term]:
    person = world.person(pair.user)
    log_size = np.log1p(np.diff(person.history.indptr))
    log_degree = world.flow.catalogue.log_degree[columns]
    return [
        _Term(channel, _power(gates), coefficient(gates, log_size, log_degree)[0], weighted.data)
        for channel, gates, weighted in person.scorer.terms(person.history, person.users)
    ]


def _power(gates: Sequence[tuple[float, Gate]]) -> float:
    return gates[0][1].recency


def to_edges(twin: Twin, pair: Candidates, mask: NDArray[np.float64], total: bool) -> NDArray[np.float64]:
    """A mask over the twin's edges as importance of the pair's edges: float64 ``[len(pair)]``.

    A fact between two items stands for several edges of the twin: attributions are summed over them (``total``), of
    masks the largest counts.
    """
    h = len(pair.history)
    importance = np.full(len(pair), 0.0 if total else -np.inf)
    importance[:h] = mask[:h]
    keys = [(int(pair.history[j]), int(c)) for j, c in twin.held]
    keys += [(pair.item, c) for c in range(len(pair.links))]
    for value, key in zip(mask[h:], keys, strict=True):
        for fact in pair.entries[key]:
            place = h + fact
            importance[place] = importance[place] + value if total else max(importance[place], value)
    return importance
