from __future__ import annotations

import numpy as np
import torch
from scipy.special import softmax

from kgrec.dataset.snapshot import Snapshot
from kgrec.zoo.data import ZooData
from kgrec.zoo.kgin import KGIN, KGINConfig


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def test_forward_by_the_papers_equations(tiny: Snapshot) -> None:
    data = ZooData.of(tiny)
    torch.manual_seed(0)
    model = KGIN(data, KGINConfig(dim=5, layers=3, intents=2)).eval()
    weights = {name: value.detach().numpy().astype(np.float64) for name, value in model.named_parameters()}
    triples, num_items = data.both_ways(), 4
    intents = softmax(weights["mixture"], axis=1) @ weights["relation"]
    entities = weights["entity"]
    users, items = weights["user"].copy(), entities[:num_items].copy()
    for _ in range(3):
        received = np.zeros((3, 5))
        for user in range(3):
            history = data.items[data.users == user]
            attention = softmax(intents @ weights["user"][user])
            for item in history:
                for share, intent in zip(attention, intents, strict=True):
                    received[user] += share * intent * entities[item] / len(history)
        gathered = np.zeros_like(entities)
        for head in range(len(entities)):
            around = triples[triples[:, 0] == head]
            for _, relation, tail in around:
                gathered[head] += weights["relation"][relation] * entities[tail] / len(around)
        entities = unit(gathered)
        users, items = users + unit(received), items + entities[:num_items]
    got_users, got_items = model()
    np.testing.assert_allclose(got_users.detach().numpy(), users, atol=1e-5)
    np.testing.assert_allclose(got_items.detach().numpy(), items, atol=1e-5)


def test_equal_intents_depend_most(tiny: Snapshot) -> None:
    model = KGIN(ZooData.of(tiny), KGINConfig(dim=6, intents=3, temperature=0.5))
    with torch.no_grad():
        model.mixture.zero_()
    # All cosines are 1: each of three intents is told from three equals.
    np.testing.assert_allclose(model.dependence().item(), 3 * np.log(3), rtol=1e-5)
    with torch.no_grad():
        model.mixture.copy_(50 * torch.eye(3, 6))
        model.relation.copy_(torch.eye(6))
    # Orthogonal intents: e^2 against two times e^0.
    np.testing.assert_allclose(model.dependence().item(), 3 * np.log(1 + 2 * np.exp(-2)), rtol=1e-5)
