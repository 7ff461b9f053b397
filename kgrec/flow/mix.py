"""Flows and gates → scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kgrec.flow.channel import Channel
from kgrec.flow.gates import Catalogue, Gate, Gates


def mix(
    flows: Sequence[NDArray[np.float32]],
    channels: Sequence[Channel],
    gates: Sequence[Gates],
    catalogue: Catalogue,
    log_size: NDArray[np.float64],
) -> NDArray[np.float32]:
    """The scores: float32 ``[U, items]`` from every channel's flow ``[U, items]``.

    Each channel's gates of all folds are joined before its flow is touched.
    """
    features = catalogue.features
    log_degree = catalogue.log_degree
    prior = sum(one.scale * (np.asarray(one.prior) @ features) for one in gates)
    total = np.repeat(np.asarray(prior, dtype=np.float32)[None], len(log_size), axis=0)
    for channel, flow in zip(channels, flows):
        total += coefficient([(one.scale, one.by_channel[channel.name]) for one in gates], log_size, log_degree) * flow
    return total


def coefficient(
    gates: Sequence[tuple[float, Gate]], log_size: NDArray[np.float64], log_degree: NDArray[np.float64]
) -> NDArray[np.float32]:
    """``Σ_folds scale · g · n_u^a · d_i^b``: float32 ``[U, items]``."""
    left = np.stack([scale * gate.strength * np.exp(gate.user_power * log_size) for scale, gate in gates], axis=1)
    right = np.stack([np.exp(gate.item_power * log_degree) for _, gate in gates])
    return np.asarray(left.astype(np.float32) @ right.astype(np.float32))
