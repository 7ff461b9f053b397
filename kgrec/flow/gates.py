"""How channels are mixed: three numbers a channel and a prior, so that the mix stays a sum over channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

PRIOR = ("log degree", "unseen", "popularity foretold from content")


@dataclass(frozen=True)
class Gate:
    """Of one channel: its part of a score is ``strength · n_u^user_power · d_i^item_power · (h_u W)_i``.

    Attributes:
        strength: g ≥ 0.
        user_power: a, of ``n_u = 1 + |N(u)|``.
        item_power: b, of ``d_i = 1 +`` training users of the item.
        recency: r, histories are weighted by ``age^-r`` (:mod:`kgrec.flow.recency`).
    """

    strength: float
    user_power: float = 0.0
    item_power: float = 0.0
    recency: float = 0.0


@dataclass(frozen=True)
class Gates:
    """What one fold learned.

    Attributes:
        by_channel: channel → gate, in the order of the channels.
        prior: weights of the features :data:`PRIOR`.
        scale: what the fold's score is multiplied with before folds are summed.
    """

    by_channel: Mapping[str, Gate]
    prior: tuple[float, float, float]
    scale: float = 1.0

    def to_json(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> Gates:
        by_channel = {name: Gate(**gate) for name, gate in content["by_channel"].items()}  # type: ignore[attr-defined]
        return cls(by_channel, tuple(content["prior"]), float(content["scale"]))  # type: ignore[arg-type]

    def scaled(self, factors: Mapping[str, float]) -> Gates:
        """The same with some strengths multiplied; 0 takes a channel out."""
        return replace(
            self,
            by_channel={
                name: replace(gate, strength=gate.strength * factors.get(name, 1.0))
                for name, gate in self.by_channel.items()
            },
        )


def mean_of(fits: Sequence[Gates], log_size: float, log_degree: float) -> Gates:
    """What several fits to the same users say on average.

    A channel's coefficient ``g n_u^a d_i^b`` at a typical user and item is the mean of theirs; its powers are their
    means by how much the channel has in each fit, its recency is that which has most.  A sum of the fits' scores ranks
    as well, at a gate for each of them.

    Args:
        fits: with the same channels.
        log_size, log_degree: ``log n_u`` and ``log d_i`` of the typical ones.
    """
    if len(fits) == 1:
        return fits[0]
    scale = np.array([one.scale for one in fits])
    prior = scale @ np.array([one.prior for one in fits]) / len(fits)
    by_channel = {
        name: _mean_gate([one.by_channel[name] for one in fits], scale, log_size, log_degree)
        for name in fits[0].by_channel
    }
    return Gates(by_channel, (float(prior[0]), float(prior[1]), float(prior[2])))


def _mean_gate(gates: Sequence[Gate], scale: NDArray[np.float64], log_size: float, log_degree: float) -> Gate:
    strength, user_power, item_power, recency = np.array([astuple(one) for one in gates]).T
    much = scale * strength * np.exp(user_power * log_size + item_power * log_degree)
    if not much.any():
        return Gate(0.0)
    a, b = (float(np.average(powers, weights=much)) for powers in (user_power, item_power))
    value, of_fit = np.unique(recency, return_inverse=True)
    latest = float(value[np.bincount(of_fit, much).argmax()])
    return Gate(float(much.mean() * np.exp(-a * log_size - b * log_degree)), a, b, latest)


@dataclass(frozen=True, eq=False)
class Catalogue:
    """What the prior and the gates read of items.

    Attributes:
        degree: training users of each item, float64 ``[items]``.
        foretold: log popularity of items that nobody holds, foretold from their content; 0 for the others.
    """

    degree: NDArray[np.float64]
    foretold: NDArray[np.float64]

    @cached_property
    def log_degree(self) -> NDArray[np.float64]:
        """``log d_i = log(1 + degree)``: float64 ``[items]``."""
        return np.log1p(self.degree)

    @property
    def features(self) -> NDArray[np.float64]:
        """The features of the prior: float64 ``[3, items]``."""
        return np.stack([self.log_degree, (self.degree == 0).astype(np.float64), self.foretold])
