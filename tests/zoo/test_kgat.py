from __future__ import annotations

import numpy as np
import torch
from scipy.special import softmax

from kgrec.dataset.snapshot import Snapshot
from kgrec.zoo.data import ZooData
from kgrec.zoo.kgat import KGAT, KGATConfig, TripleBatch

USERS, ITEMS, NODES, RELATIONS = 3, 4, 10, 3


def edges_of(data: ZooData) -> list[tuple[int, int, int]]:
    """(head, relation, tail) of the collaborative graph, both ways."""
    edges = []
    for head, relation, tail in data.triples.tolist():
        edges += [(head + USERS, relation, tail + USERS), (tail + USERS, relation + RELATIONS, head + USERS)]
    for user, item in zip(data.users.tolist(), data.items.tolist(), strict=True):
        edges += [(user, 2 * RELATIONS, item + USERS), (item + USERS, 2 * RELATIONS + 1, user)]
    return edges


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.01 * x)


def model_of(tiny: Snapshot) -> tuple[KGAT, dict[str, np.ndarray]]:
    torch.manual_seed(0)
    model = KGAT(ZooData.of(tiny), KGATConfig(dim=5, relation_dim=4, layers=(6, 3), l2=0)).eval()
    return model, {name: value.detach().numpy().astype(np.float64) for name, value in model.named_parameters()}


def test_forward_by_the_papers_equations(tiny: Snapshot) -> None:
    model, weights = model_of(tiny)
    edges, nodes = edges_of(ZooData.of(tiny)), weights["embedding"]
    attention = np.zeros(len(edges))
    for head in range(NODES):
        places = [n for n, edge in enumerate(edges) if edge[0] == head]
        logits = []
        for n in places:
            _, relation, tail = edges[n]
            w = weights[f"project.{relation}"]
            logits.append((nodes[tail] @ w) @ np.tanh(nodes[head] @ w + weights["relation"][relation]))
        if places:
            attention[places] = softmax(logits)
    layers = [nodes]
    for layer in range(2):
        around = np.zeros_like(nodes)
        for share, (head, _, tail) in zip(attention, edges, strict=True):
            around[head] += share * nodes[tail]
        plus = (nodes + around) @ weights[f"sums.{layer}.weight"].T + weights[f"sums.{layer}.bias"]
        times = (nodes * around) @ weights[f"products.{layer}.weight"].T + weights[f"products.{layer}.bias"]
        nodes = leaky(plus) + leaky(times)
        layers.append(nodes / np.linalg.norm(nodes, axis=1, keepdims=True))
    expected = np.concatenate(layers, axis=1)
    users, items = model()
    np.testing.assert_allclose(users.detach().numpy(), expected[:USERS], atol=1e-5)
    np.testing.assert_allclose(items.detach().numpy(), expected[USERS : USERS + ITEMS], atol=1e-5)


def test_attention_follows_the_parameters_at_the_next_epoch(tiny: Snapshot) -> None:
    model, _ = model_of(tiny)
    before = torch.cat(model()).detach()
    with torch.no_grad():
        model.project[0].mul_(20)
    torch.testing.assert_close(torch.cat(model()).detach(), before)
    model.begin_epoch(1)
    assert not torch.allclose(torch.cat(model()).detach(), before)


def test_graph_loss_is_transr(tiny: Snapshot) -> None:
    model, weights = model_of(tiny)
    head, relation, tail, other = [3, 4, 0, 1], [0, 0, 6, 6], [7, 7, 3, 4], [9, 5, 2, 2]
    expected = 0.0
    for h, r, t, wrong in zip(head, relation, tail, other, strict=True):
        w, e = weights[f"project.{r}"], weights["embedding"]
        near, far = (np.sum((e[h] @ w + weights["relation"][r] - e[end] @ w) ** 2) for end in (t, wrong))
        expected += np.log1p(np.exp(-(far - near))) / 4
    loss = model.loss(TripleBatch(*(torch.tensor(column) for column in (head, relation, tail, other))))
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-5)


def test_an_epoch_reads_every_pair_and_every_edge_once(tiny: Snapshot) -> None:
    data = ZooData.of(tiny)
    model = KGAT(data, KGATConfig(dim=4, batch_size=2, kg_batch_size=5))
    read = [batch for batch in model.batches(3) if isinstance(batch, TripleBatch)]
    triples = [edge for batch in read for edge in zip(*(part.tolist() for part in batch[:3]), strict=True)]
    assert sorted(triples) == sorted(edges_of(data))
    pairs = [batch for batch in model.batches(3) if not isinstance(batch, TripleBatch)]
    assert sorted(
        pair for batch in pairs for pair in zip(batch.user.tolist(), batch.item.tolist(), strict=True)
    ) == list(zip(data.users.tolist(), data.items.tolist(), strict=True))
