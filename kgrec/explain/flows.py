"""What each channel of a flow sends to an item, and the heaviest of the paths that carry it.

A channel's part is ``Σ_j k_c w_j W^c_ji`` over the items j of the history: ``k_c`` is the channel's coefficient (its
gates of all folds with the powers of the history's size and of the item's degree), ``w_j`` the weight of j's age, and
``W_ji`` itself a sum over paths (:meth:`kgrec.flow.builder.Builder.hops`).  What the channels carry is worked out in
closed form; paths are spelled out only as far as they can be among the heaviest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import nlargest

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.explain.through import Carried as CarriedLinks
from kgrec.explain.through import Entities, Linked
from kgrec.flow.builder import Builder, supports
from kgrec.flow.channel import Channel
from kgrec.flow.hops import Hop
from kgrec.flow.hops import Node as NodeId
from kgrec.flow.model import FlowScorer
from kgrec.flow.part import Part
from kgrec.flow.registry import chosen


@dataclass(eq=False)
class Flows:
    """What each channel sends from each item of a history to one item.

    Attributes:
        history: item ids, int64 ``[h]``, increasing.
        factor: ``k_c w_j``: float64 ``[channels, h]``.
        sent: ``k_c w_j W^c_ji``: float64 ``[channels, h]``.
        person: the user's node, where paths begin; None for a person who is not in the graph.
        support: how many training users hold the item and each of the history; filled in when it is asked for.
        by_facts: what the paths through each entity carry; filled in likewise.
    """

    history: NDArray[np.int64]
    factor: NDArray[np.float64]
    sent: NDArray[np.float64]
    person: NodeId | None = None
    support: NDArray[np.int64] | None = None
    by_facts: CarriedLinks | None = None

    def simple(self, hops: tuple[Hop, ...]) -> bool:
        """Whether a path from the person over an item of the history comes to no node twice."""
        visited = [self.person, *(hop.source for hop in hops[:1]), *(hop.target for hop in hops)]
        return len(set(visited)) == len(visited)


@dataclass
class Carried:
    """What a path from one item of the history carries in all channels that have it."""

    source: int
    weight: float = 0.0
    channels: list[str] = field(default_factory=list)

    def add(self, weight: float, channel: str) -> None:
        self.weight += weight
        if channel not in self.channels:
            self.channels.append(channel)


Heavy = tuple[tuple[Hop, ...], Carried]
"""The hops after the one to the item of the history, and what they carry."""


class FlowPaths:
    """The paths of one fitted flow.

    Args:
        snapshot: what the model was fitted on.
        scorer: the fitted model.
    """

    def __init__(self, snapshot: Snapshot, scorer: FlowScorer) -> None:
        self.snapshot, self.scorer = snapshot, scorer
        self.channels: tuple[Channel, ...] = scorer.flow.channels

    @cached_property
    def part(self) -> Part:
        """The training part: interactions and links; channels hold what they need of vectors."""
        return Part.of(self.snapshot)

    @cached_property
    def builders(self) -> dict[str, Builder]:
        """Family → what spells its paths out."""
        families = sorted({channel.family for channel in self.channels})
        return {builder.name: builder for builder in chosen(families, ()) if builder.name in families}

    @cached_property
    def apart(self) -> list[list[int]]:
        """Channels, by place, in groups that have no path in common."""
        families = [channel.family for channel in self.channels]
        own = sorted({family for family in families if self.builders[family].apart})
        shared = [c for c, family in enumerate(families) if family not in own]
        return [shared, *([c for c, family in enumerate(families) if family == one] for one in own)]

    # --- sums

    def flows(
        self, user: int | None, item: int, history: NDArray[np.int64], weights: NDArray[np.float32] | None = None
    ) -> Flows:
        """What each channel sends; times are known of the user's own training interactions.

        Args:
            user, item: ids.
            history: of the person.
            weights: ``W_ji`` of each channel, ``[channels, h]``, where they are known already.
        """
        row = sp.csr_array(
            (np.ones(len(history), dtype=np.float32), history, np.array([0, len(history)])),
            shape=(1, self.snapshot.num_items),
        )
        factor = self.scorer.factors(row, item, None if user is None else np.array([user]))
        if weights is None:
            weights = np.array([channel.weights(history, item) for channel in self.channels], dtype=np.float32)
        sent = factor * weights.reshape(factor.shape)
        return Flows(history, factor, sent, None if user is None else (self.snapshot.user_type, user))

    def spelled_out(self, flows: Flows, item: int, c: int, j: int) -> Iterator[tuple[tuple[Hop, ...], float]]:
        """The paths of one channel from one item of the history, with what they carry."""
        channel, source = self.channels[c], int(flows.history[j])
        builder, sent = self.builders[channel.family], float(flows.sent[c, j])
        if not sent:
            return
        if builder.learned_as is not None:
            ends = (self.snapshot.item_type, source), (self.snapshot.item_type, item)
            yield (Hop(builder.learned_as, *ends, support=int(self._supports(flows, item)[j])),), sent
            return
        for weight, hops in builder.hops(channel, self.part, source, item):
            yield hops, weight * float(flows.factor[c, j])

    def _supports(self, flows: Flows, item: int) -> NDArray[np.int64]:
        """How many training users hold the item and each of the history."""
        if flows.support is None:
            flows.support = supports(self.part, item, flows.history)
        return flows.support

    # --- search

    def search(self, flows: Flows, item: int, wanted: int) -> tuple[list[Heavy], list[Linked]]:
        """The heaviest paths, and the entities that facts go through; at most ``wanted`` of each."""
        paths: dict[tuple[Hop, ...], Carried] = {}
        heaviest: list[float] = []
        for channels in self.apart:
            # every path has one first item: what all channels that may walk it send from there bounds it
            bound = np.abs(flows.sent[channels]).sum(axis=0)
            for j in np.argsort(-bound, kind="stable").tolist():
                if not bound[j] or (len(heaviest) >= wanted and bound[j] < heaviest[-1]):
                    break
                here = self._paths_from(flows, item, channels, j)
                paths.update(here)
                heaviest = nlargest(wanted, [*heaviest, *(abs(one.weight) for one in here.values())])
        heavy_enough = [(hops, one) for hops, one in paths.items() if abs(one.weight) >= heaviest[-1]]
        best = sorted(heavy_enough, key=lambda one: (-abs(one[1].weight), len(one[0]), _order(one[0])))
        return best[:wanted], self._linked(flows, item, wanted)

    def _paths_from(self, flows: Flows, item: int, channels: Sequence[int], j: int) -> dict[tuple[Hop, ...], Carried]:
        """The paths of some channels from one item of the history that come to no node twice."""
        source = int(flows.history[j])
        here: dict[tuple[Hop, ...], Carried] = {}
        for c in channels:
            for hops, weight in self.spelled_out(flows, item, c, j):
                here.setdefault(hops, Carried(source)).add(weight, self.channels[c].name)
        return {hops: one for hops, one in here.items() if flows.simple(hops)}

    def _linked(self, flows: Flows, item: int, wanted: int) -> list[Linked]:
        """The entities between two facts, with what all paths through them carry, the most first."""
        carried = self.carried_by_facts(flows, item)
        return self.entities.most(carried, wanted) if carried is not None else []

    def carried_by_facts(self, flows: Flows, item: int) -> CarriedLinks | None:
        """What the paths from each item of the history through each entity between two facts carry; None where no
        channel has any."""
        if flows.by_facts is None and self._literal and self.part.content.links is not None:
            carried = [
                self.entities.of_channel(self.channels[c], flows.factor[c] * (flows.sent[c] != 0), flows.history, item)
                if self.channels[c].family == "kg"
                else self._spelled_links(flows, item, c)
                for c in self._literal
            ]
            number, place, weight = (np.concatenate(some) for some in zip(*carried, strict=True))
            flows.by_facts = number, place, weight
        return flows.by_facts

    @cached_property
    def _literal(self) -> list[int]:
        """Channels of facts, by place."""
        return [c for c, channel in enumerate(self.channels) if channel.knowledge]

    def heaviest_through(self, flows: Flows, item: int, j: int, entity: int) -> Heavy | None:
        """The heaviest path of facts from one item of the history through an entity, by its number."""
        (node,) = self.entities.nodes[[entity]].iter_rows()
        through = [
            path
            for channels in self.apart
            if not set(channels).isdisjoint(self._literal)
            for path in self._paths_from(flows, item, channels, j).items()
            if any(hop.kind == "fact" and hop.target == node for hop in path[0])
        ]
        return max(through, key=lambda path: abs(path[1].weight), default=None)

    def _spelled_links(self, flows: Flows, item: int, c: int) -> CarriedLinks:
        """The same of a channel whose paths have to be spelled out."""
        number = {node: n for n, node in enumerate(self.entities.nodes.iter_rows())}
        found = [
            (number[node], j, weight)
            for j in range(len(flows.history))
            for hops, weight in self.spelled_out(flows, item, c, j)
            for node in {hop.target for hop in hops[:-1] if hop.kind == "fact"}
        ]
        nodes, places, weights = zip(*found, strict=True) if found else ((), (), ())
        return np.array(nodes, dtype=np.int64), np.array(places, dtype=np.int64), np.array(weights, dtype=np.float64)

    @cached_property
    def entities(self) -> Entities:
        """What stands between two facts."""
        return Entities(self.part, self.channels)

    def heaviest_from(self, flows: Flows, item: int, j: int) -> Heavy | None:
        """The heaviest path from one item of the history."""
        best: list[Heavy] = []
        for channels in self.apart:
            if best and np.abs(flows.sent[channels, j]).sum() < abs(best[0][1].weight):
                continue
            here = self._paths_from(flows, item, channels, j).items()
            best = nlargest(1, [*here, *best], key=lambda one: abs(one[1].weight))
        return best[0] if best else None


def _order(hops: tuple[Hop, ...]) -> tuple[tuple[NodeId, NodeId, str, str], ...]:
    return tuple((hop.source, hop.target, hop.kind, hop.relation) for hop in hops)
