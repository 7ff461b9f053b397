"""What is taken up after what."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from kgrec.flow.builder import Builder, Context
from kgrec.flow.channel import Channel
from kgrec.flow.part import Part

LAST = 20
"""Steps between two items of a user's sequence that still count."""
MOST = 100
"""Items kept that follow an item, where there are too many items for a dense matrix."""


class Sequence(Builder):
    """``W_ji = Σ_u 1 / gap`` over users who took i up at most 20 steps after j, rows summing to 1.

    Interactions of the same second have no order and do not count as one after the other.
    """

    name: ClassVar[str] = "sequence"
    learned_as = "sequence"

    def missing(self, part: Part) -> str | None:
        return None if part.times is not None else "interactions have no times"

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        times = part.times
        assert times is not None
        users = np.repeat(np.arange(part.num_users), np.diff(times.indptr))
        order = np.lexsort((times.indices, times.data, users))
        user, item, at = users[order], times.indices[order], times.data[order]
        shape = (part.num_items, part.num_items)
        if len(order) < 2:
            return ()

        def following(gaps: range) -> sp.csr_array:
            sources, targets, weights = [], [], []
            for gap in gaps:
                follows = (user[gap:] == user[:-gap]) & (at[gap:] > at[:-gap])
                sources.append(item[:-gap][follows])
                targets.append(item[gap:][follows])
                weights.append(np.full(int(follows.sum()), 1.0 / gap))
            entries = (np.concatenate(weights), (np.concatenate(sources), np.concatenate(targets)))
            counted = sp.csr_array(entries, shape=shape)
            counted.sum_duplicates()
            return counted

        gaps = range(1, min(LAST, len(order) - 1) + 1)
        if context.dense(part):
            counted = following(gaps)
        else:
            from kgrec.flow.topm import top_of_rows

            context.progress.say(f"sequence: the {MOST} items that follow an item most, of {len(part.seen):,}")
            counted = following(gaps[:1])
            for gap in gaps[1:]:
                counted = sp.csr_array(counted + following(range(gap, gap + 1)))
            counted = top_of_rows(counted, MOST)
        total = np.maximum(np.asarray(counted.sum(axis=1)).ravel(), 1e-12)
        weights_ = sp.csr_array(sp.diags_array(1.0 / total) @ counted).astype(np.float32)
        weights_.sort_indices()
        return (Channel(self.name, "learned", (weights_,)),)
