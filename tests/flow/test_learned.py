"""Training of the learned factors, against PyTorch's optimiser object."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from kgrec.flow.channels import learned_training as training
from kgrec.flow.channels.learned_training import Start, train_factors

EPOCHS = 3


@pytest.fixture
def start() -> Start:
    rng = np.random.default_rng(0)
    train = sp.csr_array((rng.random((100, 30)) < 0.3).astype(np.float32))
    links = sp.csr_array((rng.random((30, 12)) < 0.2).astype(np.float32))
    source, target, text = (rng.normal(size=(30, width)).astype(np.float32) for width in (5, 5, 4))
    return Start(train, source, target, links, text)


def by_optimiser(start: Start, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The factors after every step."""
    model = training._Factors(start)
    optimiser = torch.optim.AdamW(
        [
            {"params": [model.source, model.target], "lr": training.LEARNING_RATE},
            {"params": [model.log_temperature], "lr": training.LEARNING_RATE, "weight_decay": 0.0},
            {"params": list(model.rows), "lr": training.FEATURE_RATE},
        ],
        weight_decay=training.WEIGHT_DECAY,
    )
    rng, steps = np.random.default_rng(seed), []
    users = np.flatnonzero(np.diff(start.train.indptr) >= 2)
    for _ in range(EPOCHS):
        order = rng.permutation(users)
        for first in range(0, len(order), training.BATCH):
            inputs, wanted = training._split(start.train[order[first : first + training.BATCH]], rng)
            optimiser.zero_grad()
            model.loss(torch.from_numpy(inputs), torch.from_numpy(wanted)).backward()
            optimiser.step()
            steps.append(model.numpy())
    return steps


def test_steps_are_those_of_the_optimiser(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "AVERAGED", 0)
    source, target, epochs = train_factors(start, epochs=EPOCHS, validate=None, seed=1, device="cpu")
    last = by_optimiser(start, 1)[-1]
    assert epochs == EPOCHS
    np.testing.assert_allclose(source, last[0], atol=1e-6)
    np.testing.assert_allclose(target, last[1], atol=1e-6)
    assert abs(source - start.source).max() > 1e-3


def test_factors_are_the_running_mean_of_the_steps(start: Start) -> None:
    source, target, _ = train_factors(start, epochs=EPOCHS, validate=None, seed=1, device="cpu")
    share = 1.0 / (1.0 + training.AVERAGED * 100 / training.BATCH)
    mean = [start.source, start.target]
    for step in by_optimiser(start, 1):
        mean = [before + share * (now - before) for before, now in zip(mean, step, strict=True)]
    np.testing.assert_allclose(source, mean[0], atol=1e-6)
    np.testing.assert_allclose(target, mean[1], atol=1e-6)
