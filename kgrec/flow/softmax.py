"""First fit of the gates: a softmax over the candidates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kgrec.flow import kernels
from kgrec.flow.candidates import Candidates
from kgrec.flow.gates import Catalogue, Gate, Gates

BATCH, LEARNING_RATE = 256, 0.05
"""Users a step of Adam, its rate (a third of it in the last third of the steps)."""


def fit_softmax(
    candidates: Candidates,
    names: tuple[str, ...],
    catalogue: Catalogue,
    log_size: NDArray[np.float64],
    seed: int,
    steps: int,
    l2: float,
) -> Gates:
    """Adam on the cross entropy of what is to be found, users alike; every channel starts with the same spread.

    Args:
        candidates: of U users.
        names: channels, in the order of ``candidates.flows``.
        catalogue: of the items.
        log_size: ``log n_u``, ``[U]``.
        seed: of the users of a step.
        steps: of Adam.
        l2: penalty of the powers.
    """
    channels = len(names)
    spread = np.array([candidates.flows[:, c][candidates.items >= 0].std() for c in range(channels)])
    strength = 0.5 / (np.maximum(spread, 1e-9) * np.sqrt(max(channels, 1)))
    # a channel that is zero everywhere would be given an enormous gate by rounding alone
    dead = spread < 1e-9
    theta = np.concatenate([np.log(strength), np.zeros(2 * channels), [0.1, 0.0, 0.0]])
    mean, square = np.zeros_like(theta), np.zeros_like(theta)
    flows, level, features, log_weight, relevant, levels = tables(candidates, catalogue)
    users = np.flatnonzero(candidates.relevant.any(axis=1))
    rng = np.random.default_rng(seed)
    out = np.empty((3, channels + 1))
    for step in range(1, steps + 1):
        some = users if len(users) <= BATCH else np.sort(rng.choice(users, BATCH, replace=False))
        strength = np.where(dead, 0.0, np.exp(theta[:channels]))
        user_power, item_power = theta[channels : 2 * channels], theta[2 * channels : 3 * channels]
        kernels.gradient(
            some,
            flows,
            level,
            features,
            log_weight,
            relevant,
            levels,
            log_size.astype(np.float32),
            strength,
            user_power,
            item_power,
            theta[3 * channels :],
            out,
        )
        slope = np.concatenate([out[0, :-1] * strength, out[1, :-1], out[2, :-1], out[:, -1]]) / max(len(some), 1)
        slope[channels : 3 * channels] += 2 * l2 * theta[channels : 3 * channels]
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * square + 0.001 * slope**2
        rate = LEARNING_RATE if step <= steps * 2 / 3 else LEARNING_RATE / 3
        theta -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    strength = np.where(dead, 0.0, np.exp(theta[:channels]))
    rows = zip(names, strength, theta[channels : 2 * channels], theta[2 * channels : 3 * channels])
    by_channel = {name: Gate(float(g), float(a), float(b)) for name, g, a, b in rows}
    return Gates(by_channel, tuple(float(value) for value in theta[3 * channels :]))  # type: ignore[arg-type]


def tables(
    candidates: Candidates, catalogue: Catalogue
) -> tuple[
    NDArray[np.float32],
    NDArray[np.int32],
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.bool_],
    NDArray[np.float32],
]:
    """What the kernels read: flows, levels of degrees ``[U, K]``, features ``[U, K, 3]``, log weights, relevance and
    ``log d`` of every level."""
    items = np.maximum(candidates.items, 0)
    degrees, of_item = np.unique(catalogue.degree, return_inverse=True)
    level = of_item.astype(np.int32)[items]
    features = np.ascontiguousarray(np.moveaxis(catalogue.features.astype(np.float32)[:, items], 0, 2))
    log_degree = np.log1p(degrees).astype(np.float32)
    return candidates.flows, level, features, candidates.log_weight, candidates.relevant, log_degree
