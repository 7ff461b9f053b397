from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.special import softmax

from kgrec.dataset.snapshot import Snapshot
from kgrec.zoo import kgcn_scorer
from kgrec.zoo.data import ZooData
from kgrec.zoo.kgcn import KGCN, KGCNConfig, sample


def model_of(snapshot: Snapshot) -> KGCN:
    torch.manual_seed(0)
    return KGCN(ZooData.of(snapshot), KGCNConfig(dim=5, neighbours=10))


def test_forward_and_scorer_by_the_papers_equations(tiny: Snapshot) -> None:
    model, data = model_of(tiny), ZooData.of(tiny)
    weights = {name: value.detach().numpy().astype(np.float64) for name, value in model.named_parameters()}
    triples, expected = data.both_ways(), np.zeros((3, 4))
    for user in range(3):
        for item in range(4):
            u, vector = weights["user"][user], weights["entity"][item].copy()
            around = triples[triples[:, 0] == item]
            if len(around):
                vector += softmax(weights["relation"][around[:, 1]] @ u) @ weights["entity"][around[:, 2]]
            expected[user, item] = u @ np.tanh(weights["linear.weight"] @ vector + weights["linear.bias"])
    pairs = torch.cartesian_prod(torch.arange(3), torch.arange(4))
    got = model(pairs[:, 0], pairs[:, 1]).detach().numpy().reshape(3, 4)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    served = model.scorer().score(sp.csr_array((3, 4), dtype=np.float32), np.arange(3))
    np.testing.assert_allclose(served, expected, atol=1e-6)


def test_blocks_do_not_change_scores(planted: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, users = model_of(planted).scorer(), np.array([3, -1, 80, 5])
    whole = scorer.score(planted.matrix("train")[users], users)
    monkeypatch.setattr(kgcn_scorer, "CELLS", 100)
    np.testing.assert_allclose(scorer.score(planted.matrix("train")[users], users), whole, rtol=1e-5, atol=1e-7)
    assert not whole[1].any()


def test_an_item_far_below_a_users_taste_keeps_its_neighbours(tiny: Snapshot) -> None:
    model = model_of(tiny)
    with torch.no_grad():
        model.user.copy_(torch.ones(3, 5))
        model.relation[1:] = -60  # <u, r> is -300 against up to 5: e^-305 is no float32
    pairs = torch.cartesian_prod(torch.arange(3), torch.arange(4))
    direct = model(pairs[:, 0], pairs[:, 1]).detach().numpy().reshape(3, 4)
    served = model.scorer().score(sp.csr_array((3, 4), dtype=np.float32), np.arange(3))
    np.testing.assert_allclose(served, direct, atol=1e-6)


def test_neighbours_are_distinct_edges_of_the_item(tiny: Snapshot) -> None:
    data = ZooData.of(tiny)
    edges = {tuple(triple) for triple in data.both_ways().tolist()}
    neighbours, relations, present = sample(data, 2, seed=3)
    assert present.sum(axis=1).tolist() == [2, 2, 0, 1]
    for item in range(4):
        chosen = [
            (item, int(r), int(n))
            for r, n, there in zip(relations[item], neighbours[item], present[item], strict=True)
            if there
        ]
        assert set(chosen) <= edges
        assert len(set(chosen)) == len(chosen)
