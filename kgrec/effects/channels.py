"""What edited links change in each family's flow.

Families that are not named here read no links, or their weights are learned and held fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.effects.links import LinkEdit
from kgrec.flow.channel import Channel
from kgrec.flow.channels.ease import ITEM_POWER, L2
from kgrec.flow.content import CHAINED
from kgrec.flow.newcomer import NewItems
from kgrec.flow.vectors import largest

if TYPE_CHECKING:
    from kgrec.effects.flow import FlowEffects

Flow = NDArray[np.float32]


def change(effects: FlowEffects, channel: Channel, edit: LinkEdit, weighted: sp.csr_array) -> Flow | None:
    """By how much the flow of one weighted history changes: float32 ``[num_items]``; None where it does not.

    Args:
        effects: of the model.
        channel: one of its channels.
        edit: the links afterwards.
        weighted: the history as the channel reads it, CSR ``[1, num_items]``.
    """
    found = _CHANGES.get(channel.name if channel.name == "around:links" else channel.family)
    return None if found is None else found(effects, channel, edit, weighted)


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


def _knowledge(effects: FlowEffects, channel: Channel, edit: LinkEdit, weighted: sp.csr_array) -> Flow | None:
    """``v' C'ᵀ - v Cᵀ`` with ``v`` the history's links: the edited items' columns, all where the history has one."""
    if channel.name == "kg":
        row, column, value = edit.near_of(weighted.indices).entries
        return _spread(weighted, row, column, value)
    name = channel.name.split(":", 1)[1]
    if not edit.changes(name):
        return None
    rows = edit.graph.links.by_relation[name]
    old, new = edit.of_relation(name)
    mine = _weights(weighted, edit.items)
    if not mine.any():
        # the history's links are what they were: only the edited items are reached otherwise
        flow = np.zeros(rows.shape[0], dtype=np.float32)
        flow[edit.items] = sp.csr_array(new - old) @ (rows[weighted.indices].T @ weighted.data)
        return flow
    before = np.asarray((weighted @ rows).toarray()).ravel()
    moved = np.asarray((new - old).T @ mine).ravel()
    flow = np.asarray(rows @ moved)
    flow[edit.items] = new @ (before + moved) - old @ before
    return flow.astype(np.float32)


def _around(effects: FlowEffects, channel: Channel, edit: LinkEdit, weighted: sp.csr_array) -> Flow:
    """The ridge's inverse is learned, its flow linear in the nearest (:class:`kgrec.flow.channels.around.Around`)."""
    inverse, diagonal = effects.inverse
    seen = effects.part.seen
    place = np.full(effects.snapshot.num_items, -1, dtype=np.int64)
    place[seen] = np.arange(len(seen))
    row, column, value = edit.near.entries
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
    row, column, value = edit.alike.entries
    return np.bincount(column, between[row] * value, minlength=len(between)).astype(np.float32)


def _similar_then_low(effects: FlowEffects, channel: Channel, edit: LinkEdit, weighted: sp.csr_array) -> Flow | None:
    """Rows of shares whose sum changes with one of their entries."""
    assert channel.targets is not None
    changed = edit.alike
    at = np.flatnonzero(np.isin(changed.rows, weighted.indices))
    if not len(at):
        return None
    items = changed.rows[at]
    total = _alike_total(effects, items)
    after = total + changed.total[at]
    share = sp.csr_array(channel.factors[0])[items]
    moved: Any = sp.csr_array(changed.difference[at])[:, channel.targets]
    old: Any = sp.diags_array(total) @ share
    empty = after <= 1e-9 * np.maximum(total, 1e-3)
    new = sp.diags_array(np.where(empty, 0.0, 1.0 / np.where(empty, 1.0, after))) @ (old + moved)
    flow = np.asarray((_weights(weighted, items) @ sp.csr_array(new - share)), dtype=np.float32)
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
    "kg": _knowledge,
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


def _alike_total(effects: FlowEffects, items: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sums of the rows of :attr:`kgrec.flow.content.ItemContent.alike`: float64 ``[len(items)]``."""
    assert effects.graph is not None
    total = np.asarray(effects.graph.alike.matrix[items].sum(axis=1), dtype=np.float64).ravel()
    white = effects.part.content.white_text
    if white is not None:
        scores = white[items] @ white.T
        scores[np.arange(len(items)), items] = 0.0
        total += np.asarray(largest(scores, CHAINED).sum(axis=1)).ravel()
    return total


def _as_new(effects: FlowEffects, edit: LinkEdit, some: NDArray[np.int64]) -> NewItems:
    """Some edited items as if they had come now."""
    content = effects.part.content
    text = None if content.text is None else content.text[edit.items[some]]
    return NewItems(content, edit.matrix[some], text, len(some))
