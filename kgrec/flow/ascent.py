"""Second fit of the gates: coordinate ascent of NDCG@10, the figure that counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kgrec.flow import kernels
from kgrec.flow.candidates import Candidates
from kgrec.flow.gates import Catalogue, Gate, Gates
from kgrec.flow.recency import POWERS
from kgrec.flow.softmax import tables

SWEEPS = 3

FlowsAt = Callable[[str, float], NDArray[np.float32]]
"""Channel and power of recency → its flows at the candidates ``[U, K]``."""
Move = tuple[Gates, NDArray[np.float64], tuple[str, NDArray[np.float32]] | None]
"""Changed gates, NDCG@10 of every user with them, and where they need other flows, the channel and these."""


class Ascent:
    """NDCG@10 of gates on the candidates; a changed gate updates the scores by its own channel alone.

    Args:
        candidates: of U users.
        names: channels.
        catalogue: of the items.
        log_size: ``log n_u``, ``[U]``.
        gates: where it starts.
        flows_at: gives a channel's flows with another recency; None where there are no times.
        errors: a move must gain so many standard errors (over users, paired): less is luck.
    """

    def __init__(
        self,
        candidates: Candidates,
        names: tuple[str, ...],
        catalogue: Catalogue,
        log_size: NDArray[np.float64],
        gates: Gates,
        flows_at: FlowsAt | None,
        errors: float,
    ) -> None:
        flows, self.level, self.features, log_weight, self.relevant, self.log_degree = tables(candidates, catalogue)
        self.flows = {name: np.ascontiguousarray(flows[:, c]) for c, name in enumerate(names)}
        self.log_size = log_size.astype(np.float32)
        self.names, self.gates, self.flows_at, self.errors = names, gates, flows_at, errors
        self.wanted = self.relevant.sum(axis=1)
        one = np.float32(1.0)
        self.ranks = np.full(self.relevant.shape, one) if candidates.ranks is None else candidates.ranks
        self.users = self.wanted > 0
        self.missing = np.where(np.isfinite(log_weight), 0.0, -np.inf).astype(np.float32)
        self.gain = 1.0 / np.log2(np.arange(2, kernels.DEPTH + 2))
        self.ideal = np.cumsum(self.gain)
        # what an average user's and item's power comes to: a changed power is made up for in the strength
        self.mean_size = float(self.log_size[self.users].mean()) if self.users.any() else 0.0
        self.mean_degree = float(self.log_degree[self.level[self.relevant]].mean()) if self.relevant.any() else 0.0
        self.spread = {name: max(float(flow.std()), 1e-9) for name, flow in self.flows.items()}
        self.top = np.full((len(self.missing), kernels.DEPTH), -1, dtype=np.int64)
        self._rescore()

    def _rescore(self) -> None:
        prior = np.asarray(self.gates.prior, dtype=np.float32)
        self.score = (self.features @ prior).astype(np.float32) + self.missing
        for name, gate in self.gates.by_channel.items():
            self._add(self.score, gate, self.flows[name])
        self.now = self._ndcg(self.score, self.top)

    def _add(self, score: NDArray[np.float32], gate: Gate, flow: NDArray[np.float32], sign: float = 1.0) -> None:
        if gate.strength:
            powers = (sign * gate.strength, gate.user_power, gate.item_power)
            kernels.add(score, flow, self.level, self.log_degree, self.log_size, *powers)

    def _ndcg(self, score: NDArray[np.float32], top: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Of every user with something to find; ``top`` receives the places of the best."""
        out = np.empty(len(score))
        best = np.empty_like(self.top) if top is None else top
        kernels.ndcg(score, self.relevant, self.wanted, self.gain, self.ideal, self.top, best, out, self.ranks)
        return np.asarray(out[self.users])

    def _ndcg_with(self, score: NDArray[np.float32], gate: Gate, flow: NDArray[np.float32]) -> NDArray[np.float64]:
        """The same once a channel is added."""
        out = np.empty(len(score))
        kernels.ndcg_with(
            score,
            flow,
            self.level,
            self.log_degree,
            self.log_size,
            gate.strength,
            gate.user_power,
            gate.item_power,
            self.relevant,
            self.wanted,
            self.gain,
            self.ideal,
            self.top,
            out,
            self.ranks,
        )
        return np.asarray(out[self.users])

    def climb(self, sweeps: int = SWEEPS) -> Gates:
        """Sweeps over the channels and the prior until nothing gains any more."""
        still = 0
        for _ in range(sweeps if self.users.any() else 0):
            for name in (*self.names, ""):
                moved = self._best_of(self._channel_moves(name) if name else self._prior_moves())
                still = 0 if moved else still + 1
                # nothing has changed since all of them were tried
                if still > len(self.names):
                    return self.gates
        return self.gates

    def _best_of(self, moves: Iterator[Move]) -> bool:
        best = None
        for gates, now, flow in moves:
            difference = now - self.now
            gain, error = difference.mean(), difference.std() / np.sqrt(len(difference))
            if gain > self.errors * error and (best is None or gain > best[0]):
                best = (gain, gates, flow)
        if best is None:
            return False
        self.gates = best[1]
        if best[2] is not None:
            self.flows[best[2][0]] = best[2][1]
        # from scratch: updates would add their rounding up
        self._rescore()
        return True

    def _channel_moves(self, name: str) -> Iterator[Move]:
        gate = self.gates.by_channel[name]
        without = self.score.copy()
        self._add(without, gate, self.flows[name], -1.0)
        tried: list[tuple[Gate, NDArray[np.float32] | None]] = []
        if gate.strength:
            tried += [(replace(gate, strength=gate.strength * x), None) for x in (0.0, 0.5, 0.8, 1.25, 2.0, 4.0)]
            for step in (-0.4, -0.15, 0.15, 0.4):
                strength = gate.strength * float(np.exp(-step * self.mean_size))
                tried.append((replace(gate, strength=strength, user_power=gate.user_power + step), None))
            for step in (-0.2, -0.07, 0.07, 0.2):
                strength = gate.strength * float(np.exp(-step * self.mean_degree))
                tried.append((replace(gate, strength=strength, item_power=gate.item_power + step), None))
            if self.flows_at is not None:
                place = POWERS.index(gate.recency)
                for power in POWERS[max(place - 1, 0) : place + 2]:
                    if power != gate.recency:
                        flow = self.flows_at(name, power)
                        scale = self.spread[name] / max(float(flow.std()), 1e-9)
                        tried.append((replace(gate, strength=gate.strength * scale, recency=power), flow))
        else:
            overall = max(float(self.score[np.isfinite(self.score)].std()), 1e-9)
            tried += [(replace(gate, strength=x * overall / self.spread[name]), None) for x in (0.03, 0.1, 0.3)]
        for one, other in tried:
            now = self._ndcg_with(without, one, self.flows[name] if other is None else other)
            changed = replace(self.gates, by_channel={**self.gates.by_channel, name: one})
            yield changed, now, None if other is None else (name, other)

    def _prior_moves(self) -> Iterator[Move]:
        for f in range(self.features.shape[2]):
            if not self.features[..., f].any():
                continue
            for step in (-1.0, -0.3, -0.1, 0.1, 0.3, 1.0):
                prior = list(self.gates.prior)
                prior[f] += step
                yield (
                    replace(self.gates, prior=(prior[0], prior[1], prior[2])),
                    self._ndcg(self.score + np.float32(step) * self.features[..., f]),
                    None,
                )
