"""What each channel of a fitted flow adds, measured on the validation part."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.flow.channel import Channel
from kgrec.flow.model import Flow
from kgrec.flow.ndcg import ndcg10
from kgrec.progress import SILENT, Progress

CELLS = 1_000_000
"""Scores of one channel held at a time."""
USERS, LEAST_USERS, PAIRS = 10_000, 500, 200_000_000
"""At most so many users are measured, drawn by the model's seed; so many, or fewer where that would be more pairs of
user and item than this, but never fewer than the second."""
TOP = 10


def channel_table(flow: Flow, snapshot: Snapshot, progress: Progress = SILENT) -> dict[str, Any]:
    """NDCG@10 on the validation part of the whole model, of each channel alone and of the model without it.

    Every item with a training or validation interaction is ranked, the user's training items are masked.  Gates stay
    as they are: nothing is fitted again.  A channel alone is its own part of the score, without the prior.

    Args:
        flow: a fitted model.
        snapshot: what it was fitted on; without a validation part every figure is None.
        progress: shows the users.

    Returns:
        JSON: ``users``, ``ndcg``, ``prior`` (NDCG@10 of the prior alone), ``knowledge`` (share that channels of literal
        knowledge have in the ten best scores, by size) and ``channels``: ``name``, ``kind``, ``knowledge``, ``gate``
        (strength times the fold's scale, mean of the folds), ``alone``, ``without``, ``share`` (of the ten best scores,
        by size).
    """
    measured = _Measured(len(flow.channels))
    held = snapshot.matrix("valid")
    users = np.flatnonzero(np.diff(held.indptr))
    most = min(USERS, max(LEAST_USERS, PAIRS // max(1, snapshot.num_items)))
    if len(users) > most:
        users = np.sort(np.random.default_rng(flow.seed).choice(users, most, replace=False))
    train = snapshot.matrix("train")
    excluded = np.ones(snapshot.num_items, dtype=bool)
    excluded[train.indices] = excluded[held.indices] = False
    scorer = flow.scorer(snapshot)
    size = max(1, CELLS // max(1, snapshot.num_items))
    with progress.task("what channels add", len(users), "users") as task:
        for start in range(0, len(users), size):
            some = users[start : start + size]
            parts = np.zeros((len(flow.channels), len(some), snapshot.num_items), dtype=np.float32)
            place = {one.name: c for c, one in enumerate(flow.channels)}
            for channel, part in scorer.parts(train[some], some):
                parts[place[channel.name]] += part
            measured.add(parts, scorer.prior(), train[some], held[some], excluded)
            task.advance(len(some))
    return measured.table(flow)


class _Measured:
    """Sums over users of NDCG@10 and of the sizes of parts."""

    def __init__(self, channels: int) -> None:
        self.ndcg: list[NDArray[np.float64]] = []
        self.size = np.zeros(channels + 1)

    def add(
        self,
        parts: NDArray[np.float32],
        prior: NDArray[np.float32],
        seen: sp.csr_array,
        relevant: sp.csr_array,
        excluded: NDArray[np.bool_],
    ) -> None:
        """A block of users: parts ``[channels, users, items]``."""
        total = parts.sum(axis=0) + prior

        def measure(scores: NDArray[np.float32]) -> NDArray[np.float64]:
            scores = np.where(excluded, -np.inf, scores)
            return ndcg10(scores, seen, relevant)

        rows = [measure(total), measure(np.broadcast_to(prior, total.shape))]
        for part in parts:
            rows += [measure(part), measure(total - part)]
        self.ndcg.append(np.stack(rows))
        ranked = np.where(excluded, -np.inf, total)
        ranked[np.repeat(np.arange(len(total)), np.diff(seen.indptr)), seen.indices] = -np.inf
        top = np.argpartition(-ranked, min(TOP, ranked.shape[1]) - 1, axis=1)[:, :TOP]
        inside = np.isfinite(np.take_along_axis(ranked, top, axis=1))
        for c, part in enumerate((*parts, np.broadcast_to(prior, total.shape))):
            self.size[c] += np.abs(np.take_along_axis(part, top, axis=1)[inside]).sum()

    def table(self, flow: Flow) -> dict[str, Any]:
        count = sum(one.shape[1] for one in self.ndcg)
        mean = np.concatenate(self.ndcg, axis=1).mean(axis=1) if count else None
        share = self.size / self.size.sum() if self.size.sum() else None

        def figure(values: NDArray[np.float64] | None, place: int) -> float | None:
            return None if values is None else round(float(values[place]), 6)

        knowledge = [c for c, one in enumerate(flow.channels) if one.knowledge]
        return {
            "users": count,
            "ndcg": figure(mean, 0),
            "prior": figure(mean, 1),
            "knowledge": None if share is None else round(float(share[knowledge].sum()), 6),
            "channels": [
                {
                    "name": channel.name,
                    "kind": channel.kind,
                    "knowledge": channel.knowledge,
                    "gate": round(_gate(flow, channel), 6),
                    "alone": figure(mean, 2 + 2 * c),
                    "without": figure(mean, 3 + 2 * c),
                    "share": figure(share, c),
                }
                for c, channel in enumerate(flow.channels)
            ],
        }


def _gate(flow: Flow, channel: Channel) -> float:
    return float(np.mean([one.scale * one.by_channel[channel.name].strength for one in flow.gates]))
