"""A fitted flow with its data, and the pairs that are explained."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks._common import ROOT
from kgrec.dataset.features import Features, load_features
from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import FlowEffects, Person, Ranking
from kgrec.flow.model import Flow, FlowScorer
from kgrec.recommend.lists import SEEN
from kgrec.recommend.topk import top_k

K = 10
"""Length of the lists."""
BLOCK = 256


@dataclass(frozen=True, eq=False)
class World:
    """One data set.

    Attributes:
        name: of the data set.
        snapshot: what the model was fitted on.
        flow: the model.
        text, kg: vectors that it was fitted with.
    """

    name: str
    snapshot: Snapshot
    flow: Flow
    text: Features | None = None
    kg: Features | None = None
    kept: dict[int, Person] = field(default_factory=dict)

    @classmethod
    def open(cls, name: str, runs: Path, data: Path) -> World:
        """The model in ``runs/name`` as it stands there; made by the recipe where there is none."""
        folder = runs / name
        if not (folder / "model" / "flow.json").is_file():
            from kgrec.pipeline.run import open_run

            open_run(ROOT / "recipes" / f"{name}.toml", data=data, run_dir=folder).train()
        text, kg = (
            load_features(folder / part) if (folder / part / "manifest.json").is_file() else None
            for part in ("text", "embedding")
        )
        return cls(name, Snapshot.open(folder / "snapshot"), Flow.load(folder / "model"), text, kg)

    @cached_property
    def scorer(self) -> FlowScorer:
        return self.flow.scorer(self.snapshot)

    @cached_property
    def effects(self) -> FlowEffects:
        return FlowEffects(self.snapshot, self.scorer, lambda: self.text)

    @cached_property
    def candidates(self) -> NDArray[np.bool_]:
        """Items that are ranked: bool ``[num_items]``."""
        return self.snapshot.interacted()

    @cached_property
    def seen(self) -> sp.csr_array:
        """What lists leave out: CSR ``[users, items]``."""
        return self.snapshot.matrix(*SEEN)

    def person(self, user: int) -> Person:
        if user not in self.kept:
            self.kept[user] = self.effects.person(user)
        return self.kept[user]

    def ranking(self, user: int) -> Ranking:
        """Candidates that lists may hold, which the user has not interacted with; no intervention changes them."""
        allowed = self.candidates.copy()
        allowed[self.seen[[user]].indices] = False
        return Ranking(allowed)

    def lists(self, users: NDArray[np.int64]) -> NDArray[np.int64]:
        """The best ten of each user: int64 ``[len(users), 10]``."""
        train, parts = self.effects.train, []
        for start in range(0, len(users), BLOCK):
            some = users[start : start + BLOCK]
            scores = self.scorer.score(train[some], some)
            parts.append(top_k(scores, K, self.candidates, self.seen[some])[0])
        return np.concatenate(parts)


def draw_pairs(world: World, count: int, seed: int) -> NDArray[np.int64]:
    """So many pairs of a user with a training history and an item of the user's list: int64 ``[count, 2]``."""
    users = np.flatnonzero(np.diff(world.effects.train.indptr))
    lists = world.lists(users)
    row, rank = np.nonzero(lists >= 0)
    chosen = np.random.default_rng(seed).permutation(len(row))[:count]
    return np.stack([users[row[chosen]], lists[row[chosen], rank[chosen]]], axis=1)
