"""Literal gates that rank best at a wanted share of knowledge: bisection of the factor on the others, coordinate
ascent of the gates under it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.dial import Setting
from kgrec.flow.dial_scores import DialScores, best
from kgrec.flow.gates import Gate, Gates

GRID = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
END = 0.75
"""Share that literal knowledge carries at 1, text the rest: left alone, text would take most of it."""
TOP, TOP_OF_CHANNEL = 60, 30
"""Candidates of a user: the best by the trained gates, by the other channels, and by each literal one."""
STANDARD_ERRORS = 0.5
"""A move must gain so many standard errors over users."""
STRENGTHS, ITEM_STEPS = (0.0, 0.5, 2.0), (-0.15, 0.15)
SWEEPS_AT_ONE, SWEEPS = 4, 1


class Tuning:
    """Literal gates chosen on some users over their candidates."""

    def __init__(self, model: DialScores, users: NDArray[np.int64]) -> None:
        self.model = model
        rows, tables = [], []
        for block in model.blocks(users):
            lists = [best(block.trained, TOP), best(block.base, TOP)]
            for flow in block.flows.values():
                lists.append(best(np.where(np.isfinite(block.base), flow, -np.inf), TOP_OF_CHANNEL))
            for u, user in enumerate(block.users):
                items = np.unique(np.concatenate([one[u] for one in lists] + [row(model.held, user)]))
                items = items[np.isfinite(block.base[u, items])]
                rows.append(items)
                tables.append(
                    np.stack(
                        [
                            one[u, items]
                            for one in (
                                block.base,
                                block.mass,
                                block.trained,
                                block.trained_mass,
                                block.trained_knowledge,
                                *block.flows.values(),
                            )
                        ]
                    )
                )
            names = tuple(block.flows)
        width = max(map(len, rows))
        found = np.zeros((5 + len(names), len(rows), width), dtype=np.float32)
        found[0], found[2] = -np.inf, -np.inf
        self.relevant = np.zeros((len(rows), width), dtype=bool)
        level = np.zeros((len(rows), width), dtype=np.int64)
        for u, (items, table) in enumerate(zip(rows, tables)):
            found[:, u, : len(items)] = table
            self.relevant[u, : len(items)] = np.isin(items, row(model.held, int(users[u])))
            level[u, : len(items)] = items
        self.base, self.mass, self.trained, self.trained_mass, self.trained_knowledge = found[:5]
        self.flows = dict(zip(names, found[5:]))
        self.knowledge = {one.name for one in model.literal if one.knowledge}
        self.log_degree = model.catalogue.log_degree.astype(np.float32)[level]
        self.log_size = model.log_size[users].astype(np.float32)[:, None]
        self.ranks = model.ranks(self.relevant, level)
        self.ideal = model.ideal(users)
        self.parts: dict[str, NDArray[np.float32]] = {}
        self.spread = {name: max(float(flow.std()), 1e-9) for name, flow in self.flows.items()}
        self.mean_degree = float(self.log_degree[self.relevant].mean()) if self.relevant.any() else 0.0

    def settings(self) -> list[Setting]:
        """One for each place of the grid, as increasing K."""
        none = np.zeros_like(self.base)
        _, least = self._look(1.0, self.trained, self.trained_mass, none, none, self.trained_knowledge)
        gates, most = self._at_one()
        found = [self._setting(1.0, 0.0, gates)]
        for place in GRID[-2:0:-1]:
            wanted = least + place * (most - least)
            gates = self._climb(gates, wanted, SWEEPS)
            found.append(self._setting(place, self._solve(gates, wanted), gates))
        return [Setting(0.0, 1.0, None), *reversed(found)]

    def _at_one(self) -> tuple[dict[str, Gate], float]:
        """Literal knowledge, and as much text as leaves it its share; and that share."""
        both = self._climb(self._start(), None, SWEEPS_AT_ONE)
        literal = {name: gate for name, gate in both.items() if name in self.knowledge}
        if not any(gate.strength for gate in literal.values()):
            literal = {name: gate for name, gate in self._start().items() if name in self.knowledge}
        parts = {name: self._part(name, gate) for name, gate in both.items() if name not in self.knowledge}
        text = self._sums(parts)
        text[0][np.isneginf(self.base)] = -np.inf
        sums = self._sums({name: self._part(name, gate) for name, gate in literal.items()})
        others = 1.0 if self._look(1.0, text[0], text[1], *sums)[1] >= END else self._factor(sums, END, 1.0, 40, text)
        gates = {name: literal.get(name, replace(gate, strength=gate.strength * others)) for name, gate in both.items()}
        return gates, self._look(others, text[0], text[1], *sums)[1]

    # --- one state: gates and the factor on the others

    def _start(self) -> dict[str, Gate]:
        gates = {}
        for channel in self.model.literal:
            alive = self.flows[channel.name].any()
            strength = 1.0 / self.spread[channel.name] if alive else 0.0
            gates[channel.name] = Gate(strength, recency=self.model.recency(channel))
        return gates

    def _part(self, name: str, gate: Gate) -> NDArray[np.float32]:
        power = np.exp(gate.user_power * self.log_size + gate.item_power * self.log_degree)
        return np.asarray(np.float32(gate.strength) * power * self.flows[name], dtype=np.float32)

    def _sums(self, parts: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Score, mass and knowledge's mass of the literal parts: ``[3, U, K]``."""
        sums = np.zeros((3, *self.base.shape), dtype=np.float32)
        for name, part in parts.items():
            sums[0] += part
            sums[1] += np.abs(part)
            if name in self.knowledge:
                sums[2] += np.abs(part)
        return sums

    def _look(
        self, others: float, base: NDArray[np.float32], mass: NDArray[np.float32], *literal: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], float]:
        """NDCG@10 of every user and the share of knowledge, with the literal score, mass and knowledge's mass."""
        from kgrec.flow.dial_kernels import look

        ndcg = np.empty(len(base))
        score, all_mass, inside = literal
        known, total = look(others, base, mass, score, all_mass, inside, self.relevant, self.ranks, self.ideal, ndcg)
        return ndcg, float(known / total) if total > 0.0 else 0.0

    def _solve(self, gates: dict[str, Gate], wanted: float) -> float:
        sums = self._sums({name: self._part(name, gate) for name, gate in gates.items() if gate.strength})
        return self._factor(sums, wanted, 1.0, 40)

    def _factor(
        self,
        sums: NDArray[np.float32],
        wanted: float,
        near: float,
        steps: int,
        others: NDArray[np.float32] | None = None,
    ) -> float:
        """The largest factor on the others that leaves knowledge the wanted share, by bisection of its logarithm."""
        base, mass = (self.base, self.mass) if others is None else (others[0], others[1])

        def enough(factor: float) -> bool:
            return self._look(factor, base, mass, *sums)[1] >= wanted

        low, high = near, near
        if enough(near):
            while enough(high) and high < 1e6:
                low, high = high, 1.5 * high
        while not enough(low):
            low, high = low / 1.5, low
            if low < 1e-6:
                return 0.0
        for _ in range(steps):
            middle = float(np.sqrt(low * high))
            low, high = (middle, high) if enough(middle) else (low, middle)
            if high / low < 1.002:
                break
        return low

    def _climb(self, gates: dict[str, Gate], wanted: float | None, sweeps: int) -> dict[str, Gate]:
        """Coordinate ascent of NDCG@10; with a wanted share every move is judged with the factor that meets it."""
        gates = dict(gates)
        parts = {name: self._part(name, gate) for name, gate in gates.items()}
        near = 1.0 if wanted is None else max(self._solve(gates, wanted), 1e-6)

        def judge(some: dict[str, NDArray[np.float32]]) -> NDArray[np.float64]:
            sums = self._sums(some)
            others = 0.0 if wanted is None else self._factor(sums, wanted, near, 2)
            return self._look(others, self.base, self.mass, *sums)[0]

        now = judge(parts)
        for _ in range(sweeps):
            moved = False
            for name in sorted(gates):
                best = None
                for gate in self._moves(gates[name], name):
                    part = self._part(name, gate)
                    found = judge({**parts, name: part})
                    gain, error = (found - now).mean(), (found - now).std() / np.sqrt(len(now))
                    if gain > STANDARD_ERRORS * error and (best is None or gain > best[0]):
                        best = (gain, gate, part, found)
                if best is not None:
                    moved = True
                    _, gates[name], parts[name], now = best
            if not moved:
                break
        return gates

    def _moves(self, gate: Gate, name: str) -> Iterator[Gate]:
        if not gate.strength:
            if self.flows[name].any():
                yield from (replace(gate, strength=x / self.spread[name]) for x in (0.1, 0.5))
            return
        yield from (replace(gate, strength=gate.strength * x) for x in STRENGTHS)
        for step in (step for step in ITEM_STEPS if gate.item_power + step <= 0):
            strength = gate.strength * float(np.exp(-step * self.mean_degree))
            yield replace(gate, strength=strength, item_power=gate.item_power + step)

    def _setting(self, place: float, others: float, gates: dict[str, Gate]) -> Setting:
        """On the scale of the trained scores, so that neighbours on the grid can be mixed."""
        sums = self._sums({name: self._part(name, gate) for name, gate in gates.items() if gate.strength})
        inside = np.isfinite(self.base)
        score = others * np.where(inside, self.base, 0.0) + sums[0]
        scale = spread(np.where(inside, self.trained, np.nan)) / max(spread(np.where(inside, score, np.nan)), 1e-9)
        return Setting(place, others * scale, Gates(gates, (0.0, 0.0, 0.0), scale))


def spread(scores: NDArray[np.float32]) -> float:
    return float(np.nanmean(np.nanstd(scores.astype(np.float64), axis=1)))


def row(matrix: sp.csr_array, u: int) -> NDArray[np.int64]:
    return np.asarray(matrix.indices[matrix.indptr[u] : matrix.indptr[u + 1]], dtype=np.int64)
