"""The deeper truth: what a past choice does to the scores when the model is fitted without it.

An effect holds fixed what was learned from everybody.  Here the channels that have a closed form (the ridge, the
low-rank flow with its factors fixed, and what they are chained to) are worked out anew from the training part without
one interaction; gates and learned rows stay.  The ridge's inverse changes in three directions only (the row of the user
with and without the item, and the item's own scale), so that no matrix is inverted again::

    (S (G + ΔG) S + λ I)^{-1} = S^{-1} (G + λ I + ΔG + λ (S^{-2} - I))^{-1} S^{-1}

with S the change of the item's scale; what the scales do to a weight between two other items cancels.  Held as they
are: sequence and transition (a user's order changes too many moments), ``around``, walks over the item's other users.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from joblib import Parallel, delayed
from numpy.typing import NDArray

from benchmarks.explanations.world import K, World
from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import Intervention, Person
from kgrec.flow.channels.ease import ITEM_POWER, L2, USER_POWER
from kgrec.flow.fit import fit_flow
from kgrec.flow.mix import coefficient


class Refit:
    """Scores of a user by the model refitted without one of the user's interactions."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.part, self.channels = world.effects.part, world.effects.channels
        self.seen = self.part.seen
        self.place = np.full(self.part.num_items, -1, dtype=np.int64)
        self.place[self.seen] = np.arange(len(self.seen))
        self.degree = self.part.item_degree[self.seen]

    def scores(self, user: int, item: int) -> NDArray[np.float32]:
        """Of all items that are not in the history: float32 ``[num_items]``.

        The user has another interaction, and the item another user.
        """
        world = self.world
        after = world.person(user).edited(frozenset([item]), frozenset())
        log_size, log_degree = np.log1p(np.diff(after.history.indptr)), world.flow.catalogue.log_degree
        flows = self._flows(user, item, after)
        total = world.scorer.prior()
        for channel, gates, weighted in after.scorer.terms(after.history, after.users):
            new = flows.get(channel.name)
            flow = channel.apply(weighted)[0] if new is None else weighted.data @ new
            total += coefficient(gates, log_size, log_degree)[0] * flow
        return total

    def _flows(self, user: int, item: int, after: Person) -> dict[str, NDArray[np.float32]]:
        """What each refitted channel sends from each item of the history: float32 ``[h, num_items]``."""
        found: dict[str, NDArray[np.float32]] = {}
        if "ease" in self.channels:
            ease = self.ease_rows(user, item)
            found["ease"] = self._all(ease)
            chained = self.channels.get("ease>similar")
            if chained is not None:
                found["ease>similar"] = np.asarray(np.maximum(ease, 0.0) @ chained.factors[1], dtype=np.float32)
        if "low" in self.channels:
            source = self.low_source(item)
            target = np.asarray(self.channels["low"].factors[1])
            found["low"] = self._all(source[self.place[after.items]] @ target)
            chained = self.channels.get("similar>low")
            if chained is not None:
                share = sp.csr_array(chained.factors[0])[after.items]
                found["similar>low"] = self._all(np.asarray(share @ source) @ target)
        return found

    def _all(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        flow = np.zeros((len(rows), len(self.place)), dtype=np.float32)
        flow[:, self.seen] = rows
        return flow

    def ease_rows(self, user: int, item: int) -> NDArray[np.float32]:
        """The ridge's weights from the rest of the history to the seen items: float32 ``[h - 1, len(seen)]``."""
        inverse, diagonal = self.world.effects.inverse
        train = self.part.train
        history = train.indices[train.indptr[user] : train.indptr[user + 1]].astype(np.int64)
        at, own = int(self.place[item]), self.place[history]
        rest = np.sort(own[own != at])
        n, d = len(history), self.degree[at]
        # the user's row with and without the item, and the item alone, each times the inverse: [len(seen), 3]
        scale = self.degree**-ITEM_POWER
        moved = np.stack([inverse[:, own] @ scale[own], inverse[:, rest] @ scale[rest], inverse[:, at]], axis=1)
        moved = moved.astype(np.float64)
        inner = np.stack([scale[own] @ moved[own], scale[rest] @ moved[rest], moved[at]])
        change = np.array(
            [-(n ** (-2 * USER_POWER)), (n - 1) ** (-2 * USER_POWER), L2 * ((d / (d - 1)) ** (-2 * ITEM_POWER) - 1)]
        )
        middle = np.linalg.inv(np.diag(1 / change) + inner)
        rows = inverse[rest] - moved[rest] @ middle @ moved.T
        after = diagonal - np.einsum("na,ab,nb->n", moved, middle, moved)
        weights = -rows / after * (scale[rest][:, None] / scale)
        weights[np.arange(len(rest)), rest] = 0.0
        return np.asarray(weights, dtype=np.float32)

    def low_source(self, item: int) -> NDArray[np.float32]:
        """``V A`` without the interaction: float32 ``[len(seen), dim]``."""
        precision, l2 = self._precision
        vectors = self._vectors
        one = vectors[self.place[item]]
        users = self.part.num_users
        without = precision - np.outer(one, one) / users - l2 / users * np.eye(len(one))
        return np.asarray(vectors @ np.linalg.inv(without), dtype=np.float32)

    @cached_property
    def _vectors(self) -> NDArray[np.float64]:
        return np.asarray(self.channels["low"].factors[1], dtype=np.float64).T

    @cached_property
    def _precision(self) -> tuple[NDArray[np.float64], float]:
        """``A^{-1}``, and λ (:class:`kgrec.flow.channels.low.Low`)."""
        unobserved, penalty = self.world.flow.choices["low"]
        vectors, users = self._vectors, self.part.num_users
        l2 = penalty / (unobserved * len(self.seen))
        shift = l2 * (self.part.train.nnz / users + unobserved * len(self.seen))
        weighted = (vectors.T * self.degree) @ vectors / users
        return unobserved * (vectors.T @ vectors) + weighted + shift * np.eye(vectors.shape[1]), l2


def drawn(world: World, count: int, seed: int) -> NDArray[np.int64]:
    """Random training interactions of users with another one and items with another user: int64 ``[count, 2]``."""
    train = world.effects.train
    users = np.repeat(np.arange(train.shape[0]), np.diff(train.indptr))
    size, degree = np.diff(train.indptr), world.flow.catalogue.degree
    some = np.flatnonzero((size[users] > 1) & (degree[train.indices] > 1))
    some = np.random.default_rng(seed).permutation(some)[:count]
    return np.stack([users[some], train.indices[some]], axis=1).astype(np.int64)


def whole(world: World, interactions: NDArray[np.int64], jobs: int = 1) -> list[NDArray[np.float32]]:
    """Scores of each user by a flow that is fitted from the start without the interaction: float32 ``[num_items]``.

    ``jobs`` processes share the fits; what they give does not depend on how many there are.
    """
    bare = World(world.name, world.snapshot, world.flow, world.text, world.kg)
    fits = (delayed(_whole)(bare, user, item) for user, item in interactions.tolist())
    return list(Parallel(n_jobs=jobs)(fits))


def _whole(world: World, user: int, item: int) -> NDArray[np.float32]:
    gone = (pl.col("user") == user) & (pl.col("item") == item) & (pl.col("split") == "train")
    without = replace(world.snapshot, interactions=world.snapshot.interactions.filter(~gone))
    after = _fitted(world, without, world.flow.seed)
    return after.effects.score(after.person(user))


def reseeded(world: World, interactions: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    """The same with nothing taken away, by a flow of the next seed: what chance alone moves in a whole refit."""
    after = _fitted(world, world.snapshot, world.flow.seed + 1)
    return [after.effects.score(after.person(user)) for user in interactions[:, 0].tolist()]


def _fitted(world: World, snapshot: Snapshot, seed: int) -> World:
    config = world.flow.config.model_copy(update={"dial": False})
    flow = fit_flow(snapshot, config, text=world.text, kg=world.kg, seed=seed)
    return World(world.name, snapshot, flow, world.text, world.kg)


def compare(world: World, interactions: NDArray[np.int64], refitted: list[NDArray[np.float32]]) -> dict[str, Any]:
    """Our effects on the ten of each list beside what refitting does to them.

    Returns:
        correlation over all (interaction, item) pairs and mean of those within an interaction; how often the signs
        agree; how often an item stays or leaves in both; how often the ten are the same ten; how far refitting moves
        scores, as a multiple of how far the effects do (root mean squares).
    """
    effect, truth, within, same, stays = [], [], [], [], []
    for (user, item), again in zip(interactions.tolist(), refitted, strict=True):
        person, ranking = world.person(user), world.ranking(user)
        before = world.effects.score(person)
        without = world.effects.score(person, Intervention.without([item]))
        top = ranking.top(before, K)
        mine, other = (before - without)[top], (before - again)[top]
        effect.append(mine)
        truth.append(other)
        if mine.std() > 0 and other.std() > 0:
            within.append(np.corrcoef(mine, other)[0, 1])
        first, second = (set(ranking.top(scores, K).tolist()) for scores in (without, again))
        same.append(first == second)
        stays += [(one in first) == (one in second) for one in top.tolist()]
    flat, flat_truth = np.concatenate(effect), np.concatenate(truth)
    return {
        "dataset": world.name,
        "interactions": len(interactions),
        "correlation": round(float(np.corrcoef(flat, flat_truth)[0, 1]), 4),
        "correlation_within": round(float(np.mean(within)), 4),
        "sign": round(float((np.sign(flat) == np.sign(flat_truth)).mean()), 4),
        "stays_or_leaves": round(float(np.mean(stays)), 4),
        "same_ten": round(float(np.mean(same)), 4),
        "moved": round(float(np.sqrt((flat_truth**2).mean() / (flat**2).mean())), 3),
    }
