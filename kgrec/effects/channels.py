"""What edited links change in each family's flow.

Families that are not named here read no links, or their weights are learned and held fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.effects.links import LinkEdit, LinkGraph
from kgrec.effects.sparse import entries_of, weighted_sum
from kgrec.flow.channel import Channel, positions
from kgrec.flow.channels.ease import ITEM_POWER, L2
from kgrec.flow.newcomer import NewItems

if TYPE_CHECKING:
    from kgrec.effects.flow import FlowEffects

Flow = NDArray[np.float32]


class LinkChange:
    """By how much the flows of one history change with some links.

    Args:
        effects: of the model.
        edit: the links afterwards.
    """

    def __init__(self, effects: FlowEffects, edit: LinkEdit) -> None:
        self.effects, self.edit = effects, edit
        self._relations: dict[int, Flow] = {}

    def flow(self, channel: Channel, weighted: sp.csr_array) -> Flow | None:
        """By how much a channel's flow changes: float32 ``[num_items]``; None where it does not.

        Args:
            channel: one of the model's.
            weighted: the history as the channel reads it, CSR ``[1, num_items]``; the same object for channels that
                weigh age alike.
        """
        if channel.family == "kg" and channel.name != "kg":
            if id(weighted) not in self._relations:
                self._relations[id(weighted)] = _by_relation(self.edit, weighted)
            place = list(self.edit.graph.links.relations).index(channel.name.split(":", 1)[1])
            return np.asarray(self._relations[id(weighted)][place])
        found = _CHANGES.get(channel.name if channel.name == "around:links" else channel.family)
        return None if found is None else found(self.effects, channel, self.edit, weighted)


def prior_change(effects: FlowEffects, edit: LinkEdit) -> Flow:
    """By how much the prior changes, of items whose popularity is foretold: float32 ``[num_items]``."""
    found = np.zeros(effects.snapshot.num_items, dtype=np.float32)
    catalogue, gates = effects.scorer.flow.catalogue, effects.scorer.flow.gates
    weight = sum(one.scale * one.prior[2] for one in gates)
    unheld = np.flatnonzero(catalogue.degree[edit.items] == 0)
    if weight and len(unheld):
        new = _as_new(effects, edit, unheld)
        items = edit.items[unheld]
        found[items] = weight * (effects.foretold.popularity(new.vectors) - catalogue.foretold[items])
    return found


def _nearest(effects: FlowEffects, channel: Channel, edit: LinkEdit, weighted: sp.csr_array) -> Flow | None:
    row, column, value = edit.near_of(weighted.indices)
    return _spread(weighted, row, column, value)


def _by_relation(edit: LinkEdit, weighted: sp.csr_array) -> Flow:
    """``v' C'ᵀ - v Cᵀ`` with ``v`` the history's links, for each relation: the edited items' columns, all where the
    history has one: float32 ``[relations, num_items]``."""
    graph = edit.graph
    old, new = edit.of_relations
    items, number = graph.by_relation.shape[0], len(graph.links.relations)
    before = weighted_sum(graph.by_relation, weighted.indices, weighted.data)
    mine = _weights(weighted, edit.items)
    moved = new.T @ mine - old.T @ mine if mine.any() else np.zeros_like(before)
    flow: NDArray[np.float64] = np.zeros(number * items)
    touched = np.flatnonzero(moved)
    if len(touched):
        turned = graph.by_relation_turned
        entry, size = entries_of(turned, touched)
        place = np.repeat(graph.relation[touched], size) * items + turned.indices[entry]
        flow += np.bincount(place, np.repeat(moved[touched], size) * turned.data[entry], minlength=len(flow))
    found = flow.reshape(number, items).astype(np.float32)
    found[:, edit.items] = _split(graph, new, before + moved) - _split(graph, old, before)
    return found


def _split(graph: LinkGraph, rows: sp.csr_array, links: NDArray[np.float64]) -> NDArray[np.float64]:
    """``C v`` by relation: float64 ``[relations, t]``."""
    number, t = len(graph.links.relations), rows.shape[0]
    relation = graph.relation[rows.indices]
    place = relation * t + np.repeat(np.arange(t), np.diff(rows.indptr))
    told = relation >= 0
    values = (rows.data * links[rows.indices])[told]
    return np.asarray(np.bincount(place[told], values, minlength=number * t), dtype=np.float64).reshape(number, t)


def _around(effects: FlowEffects, channel: Channel, edit: LinkEdit, weighted: sp.csr_array) -> Flow:
    """The ridge's inverse is learned, its flow linear in the nearest (:class:`kgrec.flow.channels.around.Around`)."""
    inverse, diagonal = effects.inverse
    seen = effects.part.seen
    place = np.full(effects.snapshot.num_items, -1, dtype=np.int64)
    place[seen] = np.arange(len(seen))
    row, column, value = edit.near
    inside = (place[row] >= 0) & (place[column] >= 0)
    row, column, value = place[row[inside]], place[column[inside]], value[inside]
    outer = effects.part.item_degree[seen] ** -ITEM_POWER
    mine = place[weighted.indices]
    left = (weighted.data[mine >= 0] * outer[mine[mine >= 0]]) @ inverse[mine[mine >= 0]]
    flow = np.bincount(column, left[row] * value, minlength=len(seen))
    onto = np.bincount(column, inverse[row, column] * value, minlength=len(seen))
    found = np.zeros(len(place), dtype=np.float32)
    found[seen] = L2 * (flow - left * (onto / diagonal)) / outer
    return found


def _ease_then_similar(effects: FlowEffects, channel: Channel, edit: LinkEdit, weighted: sp.csr_array) -> Flow:
    assert channel.sources is not None
    first = Channel("", "learned", channel.factors[:1], sources=channel.sources)
    between = np.zeros(effects.snapshot.num_items, dtype=np.float32)
    between[channel.sources] = first.flow(weighted)[0]
    row, column, value = edit.alike
    return np.bincount(column, between[row] * value, minlength=len(between)).astype(np.float32)


def _similar_then_low(effects: FlowEffects, channel: Channel, edit: LinkEdit, weighted: sp.csr_array) -> Flow | None:
    """Rows of shares whose sum changes with one of their entries."""
    assert channel.targets is not None
    changed = edit.alike.of_rows(weighted.indices)
    if not len(changed.row):
        return None
    items, first = np.unique(changed.row, return_index=True)
    total = effects.alike_total(items)
    after = total + np.add.reduceat(changed.value.astype(np.float64), first)
    share = sp.csr_array(channel.factors[0])
    entry, size = entries_of(share, items)
    mine = _weights(weighted, items)
    empty = after <= 1e-9 * np.maximum(total, 1e-3)
    scale = np.where(empty, 0.0, mine / np.where(empty, 1.0, after))
    # shares as they were, on another scale, and what comes and goes
    column = positions(channel.targets, changed.column)
    seen = column >= 0
    place = np.concatenate([share.indices[entry], column[seen]])
    values = np.concatenate(
        [
            np.repeat(scale * total - mine, size) * share.data[entry],
            (np.repeat(scale, np.diff(first, append=len(changed.row))) * changed.value)[seen],
        ]
    )
    flow = np.bincount(place, values, minlength=share.shape[1]).astype(np.float32)
    for factor in channel.factors[1:]:
        flow = flow @ factor
    found = np.zeros(effects.snapshot.num_items, dtype=np.float32)
    found[channel.targets] = flow
    return found


def _content(effects: FlowEffects, channel: Channel, edit: LinkEdit, weighted: sp.csr_array) -> Flow | None:
    """Items that nobody holds are placed anew by the regression as it was fitted."""
    unheld = np.flatnonzero(effects.scorer.flow.catalogue.degree[edit.items] == 0)
    if not len(unheld) or "low" not in effects.channels:
        # without the factors that it was fitted to, the regression is held fixed with its results
        return None
    assert channel.targets is not None
    source = Channel("", "content", channel.factors[:1], sources=channel.sources).flow(weighted)[0]
    new = _as_new(effects, edit, unheld)
    placed = effects.foretold.placed(new.vectors)
    before = np.zeros(effects.snapshot.num_items, dtype=np.float32)
    before[channel.targets] = source @ channel.factors[1]
    items = edit.items[unheld]
    found = np.zeros_like(before)
    found[items] = placed @ source - before[items]
    return found


_CHANGES: dict[str, Callable[[FlowEffects, Channel, LinkEdit, sp.csr_array], Flow | None]] = {
    "kg": _nearest,
    "around:links": _around,
    "ease>similar": _ease_then_similar,
    "similar>low": _similar_then_low,
    "content": _content,
}


def _spread(
    weighted: sp.csr_array, row: NDArray[np.int64], column: NDArray[np.int64], value: NDArray[np.float32]
) -> Flow:
    """``h ΔW`` for the entries of ``ΔW``."""
    mine = _weights(weighted, row)
    return np.bincount(column, mine * value, minlength=weighted.shape[1]).astype(np.float32)


def _weights(weighted: sp.csr_array, items: NDArray[np.int64]) -> NDArray[np.float32]:
    """The history's weights of some items, 0 where it has them not: float32 ``[len(items)]``."""
    place = np.minimum(np.searchsorted(weighted.indices, items), max(weighted.nnz - 1, 0))
    if not weighted.nnz:
        return np.zeros(len(items), dtype=np.float32)
    return np.where(weighted.indices[place] == items, weighted.data[place], 0.0).astype(np.float32)


def _as_new(effects: FlowEffects, edit: LinkEdit, some: NDArray[np.int64]) -> NewItems:
    """Some edited items as if they had come now."""
    content = effects.part.content
    text = None if content.text is None else content.text[edit.items[some]]
    return NewItems(content, edit.matrix[some], text, len(some))
