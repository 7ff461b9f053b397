"""Fits the settings of :class:`kgrec.flow.dial.Dial` on the validation part: half of its users choose, half measure.

Which share literal knowledge must carry at K lies on the line from what it carries as trained to :data:`END` at 1.  At
each place the factor on the other gates (at 1 on text, the only other one) is solved for so that the share is met, and
the literal gates are climbed by coordinates under it: the best NDCG@10 found at that share, from the literal end down.

No literal gate may grow with an item's degree: popularity on the back of a shared entity would count as knowledge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.candidates import coefficient
from kgrec.flow.channel import Channel
from kgrec.flow.dial import Dial, Setting, kept_at_one
from kgrec.flow.gates import Catalogue, Gate, Gates
from kgrec.flow.ndcg import ndcg10
from kgrec.flow.part import Part
from kgrec.flow.recency import weigh
from kgrec.flow.universe import Universe

GRID = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
END = 0.75
"""Share that literal knowledge carries at 1, text the rest: left alone, text would take most of it."""
USERS = 1000
"""At most so many validation users, half for each purpose."""
LEAST = 20
"""Below so many users the same ones choose and measure."""
TOP, TOP_OF_CHANNEL = 60, 30
"""Candidates of a user: the best by the trained gates, by the other channels, and by each literal one."""
CELLS = 4_000_000
STANDARD_ERRORS = 0.5
"""A move must gain so many standard errors over users."""
STRENGTHS, ITEM_STEPS = (0.0, 0.5, 2.0), (-0.15, 0.15)
SWEEPS_AT_ONE, SWEEPS = 4, 1
DEPTH = 10


def fit_dial(
    channels: Sequence[Channel],
    gates: Sequence[Gates],
    catalogue: Catalogue,
    part: Part,
    valid: sp.csr_array,
    seed: int = 0,
    most_items: int = 50_000,
) -> Dial | None:
    """The dial of a fitted model.

    Args:
        channels: built on the whole training part, all of them: one whose trained gate is 0 may carry knowledge.
        gates: as trained, of every fold.
        catalogue: of the items.
        part: the training part.
        valid: the validation part, binary CSR ``[users, items]``.
        seed: of the users that are drawn.
        most_items: in a ranking; of more a sample is drawn.

    Returns:
        None where no channel is literal knowledge, or nothing is held out for validation.
    """
    literal = tuple(one for one in channels if kept_at_one(one))
    held = sp.csr_array(valid - valid.multiply(part.train))
    held.eliminate_zeros()
    users = np.flatnonzero(np.diff(held.indptr))
    if not any(one.knowledge for one in literal) or not len(users):
        return None
    users = np.random.default_rng(seed).permutation(users)[:USERS]
    first, second = (users, users) if len(users) < LEAST else (users[: len(users) // 2], users[len(users) // 2 :])
    universe = Universe.of(most_items, channels, part.train[users], sp.csr_array(held[users]), seed)
    literal = universe.channels(literal)
    model = _Model(
        universe.channels(channels),
        tuple(gates),
        universe.catalogue(catalogue),
        part,
        universe.columns(part.train),
        universe.columns(held),
        literal,
    )
    settings = _Tuning(model, np.sort(first)).settings()
    return Dial(_monotone(model.measure(np.sort(second), settings)), len(second))


@dataclass(frozen=True, eq=False)
class _Block:
    """Some users: scores of the others with prior and their mass, as trained, and the literal flows: ``[b, items]``."""

    users: NDArray[np.int64]
    base: NDArray[np.float32]
    mass: NDArray[np.float32]
    trained: NDArray[np.float32]
    trained_mass: NDArray[np.float32]
    trained_knowledge: NDArray[np.float32]
    flows: dict[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class _Model:
    channels: tuple[Channel, ...]
    gates: tuple[Gates, ...]
    catalogue: Catalogue
    part: Part
    hidden: sp.csr_array
    held: sp.csr_array
    literal: tuple[Channel, ...]

    @property
    def log_size(self) -> NDArray[np.float64]:
        return np.log1p(np.diff(self.part.train.indptr))

    @property
    def excluded(self) -> NDArray[np.bool_]:
        excluded = self.catalogue.degree == 0
        excluded[self.held.indices] = False
        return np.asarray(excluded)

    def recency(self, channel: Channel) -> float:
        """The power that most of the trained gate has."""
        by_power: dict[float, float] = {}
        for one in self.gates:
            gate = one.by_channel.get(channel.name, Gate(0.0))
            by_power[gate.recency] = by_power.get(gate.recency, 0.0) + one.scale * gate.strength
        return max(sorted(by_power), key=lambda power: by_power[power])

    def blocks(self, users: NDArray[np.int64]) -> Iterator[_Block]:
        size = max(1, CELLS // self.hidden.shape[1])
        for start in range(0, len(users), size):
            yield self._block(users[start : start + size])

    def _block(self, users: NDArray[np.int64]) -> _Block:
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
        return _Block(users, base, mass, base + inside[0], mass + inside[1], inside[2], flows)

    def part_of(self, name: str, gate: Gate, block: _Block) -> NDArray[np.float32]:
        coefficients = coefficient([(1.0, gate)], self.log_size[block.users], self.catalogue.log_degree)
        return coefficients * block.flows[name]

    def measure(self, users: NDArray[np.int64], settings: Sequence[Setting]) -> list[Setting]:
        """The settings with what they come to on these users, every item ranked."""
        ndcg: list[list[NDArray[np.float64]]] = [[] for _ in settings]
        known, total = np.zeros(len(settings)), np.zeros(len(settings))
        knowledge = {one.name for one in self.literal if one.knowledge}
        for block in self.blocks(users):
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
                top = _best(score, DEPTH)
                kept = np.isfinite(np.take_along_axis(score, top, axis=1))
                known[n] += np.take_along_axis(inside, top, axis=1)[kept].sum()
                total[n] += np.take_along_axis(mass, top, axis=1)[kept].sum()
                ndcg[n].append(ndcg10(score.copy(), self.hidden[block.users], self.held[block.users]))
        found = []
        for n, setting in enumerate(settings):
            values = np.concatenate(ndcg[n])
            mean, error = float(values.mean()), float(values.std() / np.sqrt(len(values)))
            share = float(known[n] / total[n]) if total[n] else 0.0
            found.append(replace(setting, ndcg=mean, low=mean - 1.96 * error, high=mean + 1.96 * error, share=share))
        return found


class _Tuning:
    """Literal gates chosen on some users over their candidates."""

    def __init__(self, model: _Model, users: NDArray[np.int64]) -> None:
        self.model = model
        rows, tables = [], []
        for block in model.blocks(users):
            lists = [_best(block.trained, TOP), _best(block.base, TOP)]
            for flow in block.flows.values():
                lists.append(_best(np.where(np.isfinite(block.base), flow, -np.inf), TOP_OF_CHANNEL))
            for u, user in enumerate(block.users):
                items = np.unique(np.concatenate([one[u] for one in lists] + [_row(model.held, user)]))
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
            self.relevant[u, : len(items)] = np.isin(items, _row(model.held, int(users[u])))
            level[u, : len(items)] = items
        self.base, self.mass, self.trained, self.trained_mass, self.trained_knowledge = found[:5]
        self.flows = dict(zip(names, found[5:]))
        self.knowledge = {one.name for one in model.literal if one.knowledge}
        self.log_degree = model.catalogue.log_degree.astype(np.float32)[level]
        self.log_size = model.log_size[users].astype(np.float32)[:, None]
        gain = np.cumsum(1.0 / np.log2(np.arange(2, DEPTH + 2)))
        self.ideal = gain[np.minimum(np.maximum(np.diff(model.held.indptr)[users], 1), DEPTH) - 1]
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
        score, all_mass, known = literal
        return ndcg, float(look(others, base, mass, score, all_mass, known, self.relevant, self.ideal, ndcg))

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
        scale = _spread(np.where(inside, self.trained, np.nan)) / max(_spread(np.where(inside, score, np.nan)), 1e-9)
        return Setting(place, others * scale, Gates(gates, (0.0, 0.0, 0.0), scale))


def _monotone(settings: Sequence[Setting]) -> tuple[Setting, ...]:
    """What was chosen on some users may turn out otherwise on others: a setting that has more knowledge than the next
    one gives its place to that, one that has less than the trained model to the trained model."""
    found = list(settings)
    for n in range(len(found) - 2, 0, -1):
        if found[n].share > found[n + 1].share:
            found[n] = replace(found[n + 1], knowledge=found[n].knowledge)
        if found[n].share < found[0].share:
            found[n] = replace(found[0], knowledge=found[n].knowledge)
    return tuple(found)


def _spread(scores: NDArray[np.float32]) -> float:
    return float(np.nanmean(np.nanstd(scores.astype(np.float64), axis=1)))


def _best(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    k = min(k, scores.shape[1])
    return np.argpartition(-scores, k - 1, axis=1)[:, :k]


def _row(matrix: sp.csr_array, u: int) -> NDArray[np.int64]:
    return np.asarray(matrix.indices[matrix.indptr[u] : matrix.indptr[u + 1]], dtype=np.int64)
