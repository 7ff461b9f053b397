"""What a model's scores are made of wherever the dial stands: the literal channels apart from the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.channel import Channel
from kgrec.flow.dial import Setting, kept_at_one
from kgrec.flow.gates import Catalogue, Gate, Gates
from kgrec.flow.mix import coefficient
from kgrec.flow.part import Part
from kgrec.flow.recency import weigh
from kgrec.flow.universe import Universe

CELLS = 4_000_000
"""Scores of one channel held at a time."""
DEPTH = 10
"""Of the lists that are measured."""


@dataclass(frozen=True, eq=False)
class Block:
    """Some users: scores of the others with prior and their mass, as trained, and the literal flows: ``[b, items]``."""

    users: NDArray[np.int64]
    base: NDArray[np.float32]
    mass: NDArray[np.float32]
    trained: NDArray[np.float32]
    trained_mass: NDArray[np.float32]
    trained_knowledge: NDArray[np.float32]
    flows: dict[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class DialScores:
    channels: tuple[Channel, ...]
    gates: tuple[Gates, ...]
    catalogue: Catalogue
    part: Part
    hidden: sp.csr_array
    held: sp.csr_array
    literal: tuple[Channel, ...]
    universe: Universe

    @property
    def log_size(self) -> NDArray[np.float64]:
        return np.log1p(np.diff(self.part.train.indptr))

    @property
    def excluded(self) -> NDArray[np.bool_]:
        excluded = self.catalogue.degree == 0
        excluded[self.held.indices] = False
        return np.asarray(excluded)

    def relevant(self, users: NDArray[np.int64]) -> NDArray[np.bool_]:
        """What is to be found: ``[len(users), items]``."""
        return np.asarray(self.held[users].toarray() > 0)

    def ranks(self, relevant: NDArray[np.bool_], items: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """How many places of a ranking each item takes, or each of some, ``[b, K]``; what is to be found stands for
        itself: ``[b, items]`` or ``[b, K]``."""
        stands = np.exp(self.universe.log_weight)
        return np.where(relevant, 1.0, stands if items is None else stands[items]).astype(np.float32)

    def ideal(self, users: NDArray[np.int64]) -> NDArray[np.float64]:
        """DCG of each user's best list, ``[len(users)]``."""
        gain = np.cumsum(1.0 / np.log2(np.arange(2, DEPTH + 2)))
        return np.asarray(gain[np.minimum(np.maximum(np.diff(self.held.indptr)[users], 1), DEPTH) - 1])

    def recency(self, channel: Channel) -> float:
        """The power that most of the trained gate has."""
        by_power: dict[float, float] = {}
        for one in self.gates:
            gate = one.by_channel.get(channel.name, Gate(0.0))
            by_power[gate.recency] = by_power.get(gate.recency, 0.0) + one.scale * gate.strength
        return max(sorted(by_power), key=lambda power: by_power[power])

    def blocks(self, users: NDArray[np.int64]) -> Iterator[Block]:
        size = max(1, CELLS // self.hidden.shape[1])
        for start in range(0, len(users), size):
            yield self._block(users[start : start + size])

    def _block(self, users: NDArray[np.int64]) -> Block:
        train = self.part.train[users]
        times = None if self.part.times is None else self.part.times[users]
        log_size, log_degree = self.log_size[users], self.catalogue.log_degree
        prior = sum(one.scale * (np.asarray(one.prior) @ self.catalogue.features) for one in self.gates)
        base = np.repeat(np.asarray(prior, dtype=np.float32)[None], len(users), axis=0)
        mass, inside = np.abs(base), np.zeros((3, *base.shape), dtype=np.float32)
        weighted: dict[float, sp.csr_array] = {}
        flows = {}
        for channel in self.channels:
            total = np.zeros_like(base)
            own = self.recency(channel)
            for power in sorted(
                {own, *(one.by_channel[channel.name].recency for one in self.gates if channel.name in one.by_channel)}
            ):
                some = [
                    (one.scale, gate)
                    for one in self.gates
                    if (gate := one.by_channel.get(channel.name, Gate(0.0))).strength and gate.recency == power
                ]
                wanted = power == own and kept_at_one(channel)
                if not some and not wanted:
                    continue
                if power not in weighted:
                    weighted[power] = weigh(train, times, power)
                flow = channel.apply(weighted[power], base.shape[1])
                if wanted:
                    flows[channel.name] = flow
                if some:
                    total += coefficient(some, log_size, log_degree) * flow
            if not kept_at_one(channel):
                base += total
                mass += np.abs(total)
                continue
            inside[0] += total
            inside[1] += np.abs(total)
            inside[2] += np.abs(total) if channel.knowledge else 0.0
        hidden = self.hidden[users]
        base[np.repeat(np.arange(len(users)), np.diff(hidden.indptr)), hidden.indices] = -np.inf
        base[:, self.excluded] = -np.inf
        # those of others' validation parts are there for these others only
        others = np.flatnonzero(~self.universe.ranked)
        base[:, others] = np.where(self.held[users][:, others].toarray() > 0, base[:, others], -np.inf)
        return Block(users, base, mass, base + inside[0], mass + inside[1], inside[2], flows)

    def part_of(self, name: str, gate: Gate, block: Block) -> NDArray[np.float32]:
        coefficients = coefficient([(1.0, gate)], self.log_size[block.users], self.catalogue.log_degree)
        return coefficients * block.flows[name]

    def measure(self, users: NDArray[np.int64], settings: Sequence[Setting]) -> list[Setting]:
        """The settings with what they come to on these users, every item ranked."""
        from kgrec.flow.dial_kernels import look

        ndcg: list[list[NDArray[np.float64]]] = [[] for _ in settings]
        known, total = np.zeros(len(settings)), np.zeros(len(settings))
        knowledge = {one.name for one in self.literal if one.knowledge}
        for block in self.blocks(users):
            relevant, ideal = self.relevant(block.users), self.ideal(block.users)
            ranks, none = self.ranks(relevant), np.zeros_like(block.base)
            for n, setting in enumerate(settings):
                if setting.gates is None:
                    score, mass, inside = block.trained, block.trained_mass, block.trained_knowledge
                else:
                    score = np.float32(setting.others) * np.where(np.isfinite(block.base), block.base, 0.0)
                    mass, inside = np.float32(setting.others) * block.mass, np.zeros_like(block.mass)
                    for name, gate in setting.gates.by_channel.items():
                        if gate.strength:
                            one = setting.gates.scale * self.part_of(name, gate, block)
                            score, mass = score + one, mass + np.abs(one)
                            inside = inside + np.abs(one) if name in knowledge else inside
                    score = np.where(np.isfinite(block.base), score, -np.inf).astype(np.float32)
                ndcg[n].append(np.empty(len(score)))
                some = look(1.0, score, mass, none, none, inside, relevant, ranks, ideal, ndcg[n][-1])
                known[n], total[n] = known[n] + some[0], total[n] + some[1]
        found = []
        for n, setting in enumerate(settings):
            values = np.concatenate(ndcg[n])
            mean, error = float(values.mean()), float(values.std() / np.sqrt(len(values)))
            share = float(known[n] / total[n]) if total[n] else 0.0
            found.append(replace(setting, ndcg=mean, low=mean - 1.96 * error, high=mean + 1.96 * error, share=share))
        return found


def best(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    k = min(k, scores.shape[1])
    return np.argpartition(-scores, k - 1, axis=1)[:, :k]
