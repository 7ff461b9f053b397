"""How channels are mixed: three numbers a channel and a prior, so that the mix stays a sum over channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
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
