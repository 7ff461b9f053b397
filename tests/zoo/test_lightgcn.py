from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.nn import LightGCN as PyGLightGCN

from kgrec.dataset.snapshot import Snapshot
from kgrec.zoo.data import ZooData
from kgrec.zoo.lightgcn import LightGCN, LightGCNConfig


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_forward_is_the_papers_sum(tiny: Snapshot, layers: int) -> None:
    torch.manual_seed(0)
    model = LightGCN(ZooData.of(tiny), LightGCNConfig(dim=5, layers=layers))
    items_of = {0: [0, 1], 1: [1, 2], 2: [0, 1]}
    users_of = {0: [0, 2], 1: [0, 1, 2], 2: [1], 3: []}
    start = model.embedding.detach().numpy().astype(np.float64)
    users, items = start[:3], start[3:]
    mean_users, mean_items = users / (layers + 1), items / (layers + 1)
    for _ in range(layers):
        next_users = [
            sum(items[i] / np.sqrt(len(items_of[u]) * len(users_of[i])) for i in items_of[u]) for u in range(3)
        ]
        next_items = [
            sum((users[u] / np.sqrt(len(items_of[u]) * len(users_of[i])) for u in users_of[i]), start=np.zeros(5))
            for i in range(4)
        ]
        users, items = np.array(next_users), np.array(next_items)
        mean_users, mean_items = mean_users + users / (layers + 1), mean_items + items / (layers + 1)
    got_users, got_items = model()
    np.testing.assert_allclose(got_users.detach().numpy(), mean_users, atol=1e-6)
    np.testing.assert_allclose(got_items.detach().numpy(), mean_items, atol=1e-6)


def test_agrees_with_pyg_forward_and_backward(planted: Snapshot) -> None:
    data = ZooData.of(planted)
    torch.manual_seed(0)
    model = LightGCN(data, LightGCNConfig(dim=8, layers=3))
    other = PyGLightGCN(data.num_users + data.num_items, 8, 3)
    with torch.no_grad():
        other.embedding.weight.copy_(model.embedding)
    ends = torch.from_numpy(np.stack([data.users, data.items + data.num_users]))
    theirs = other.get_embedding(torch.cat([ends, ends.flip(0)], dim=1))
    ours = torch.cat(model())
    weight = torch.randn(ours.shape)
    (ours * weight).sum().backward()
    (theirs * weight).sum().backward()
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(model.embedding.grad, other.embedding.weight.grad, atol=1e-6, rtol=1e-5)
