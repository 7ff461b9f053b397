from __future__ import annotations

import math

import pytest
import torch

from kgrec.training.objectives import bpr, sampled_softmax

GENERATOR = torch.Generator().manual_seed(0)
USERS, ITEMS = torch.randn(2, 3, generator=GENERATOR), torch.randn(6, 3, generator=GENERATOR)
USER, ITEM = torch.tensor([0, 0, 1]), torch.tensor([1, 4, 2])
WEIGHT = torch.tensor([1.0, 2.0, 0.5])
KNOWN = torch.tensor([[False, True, False, False, True, False], [True, False, True, False, False, False]])


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_softmax_by_its_formula(temperature: float) -> None:
    expected = 0.0
    for u, i, weight in zip(USER.tolist(), ITEM.tolist(), WEIGHT.tolist(), strict=True):
        scores = (USERS[u] @ ITEMS.T / temperature).tolist()
        negatives = [score for j, score in enumerate(scores) if not KNOWN[u, j]]
        expected -= weight * math.log(math.exp(scores[i]) / sum(map(math.exp, [scores[i], *negatives])))
    loss = sampled_softmax(USERS, ITEMS, torch.arange(6), KNOWN, USER, ITEM, WEIGHT, 0.0, temperature)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_a_sample_stands_for_all_items() -> None:
    """With every negative scoring alike, half of them and the correction give the loss of all."""
    items = ITEMS[:1].repeat(6, 1)
    none = torch.zeros(2, 6, dtype=torch.bool)
    whole = sampled_softmax(USERS, items, torch.arange(6), none, USER, ITEM, WEIGHT)
    part = sampled_softmax(USERS, items, torch.tensor([0, 3, 5]), none[:, :3], USER, ITEM, WEIGHT, math.log(2))
    assert float(part) == pytest.approx(float(whole), rel=1e-6)


def test_softmax_without_any_negative_is_zero_with_finite_gradients() -> None:
    users, items = USERS.clone().requires_grad_(), ITEMS.clone().requires_grad_()
    loss = sampled_softmax(users, items, torch.arange(6), torch.ones(2, 6, dtype=torch.bool), USER, ITEM, WEIGHT)
    loss.backward()
    assert float(loss.detach()) == 0
    assert users.grad is not None
    assert not users.grad.any()


def test_bpr_by_its_formula() -> None:
    negative = torch.tensor([0, 3, -1])
    expected = 0.0
    for n in range(2):
        u, i, j = int(USER[n]), int(ITEM[n]), int(negative[n])
        expected += float(WEIGHT[n]) * math.log1p(math.exp(-float(USERS[u] @ ITEMS[i] - USERS[u] @ ITEMS[j])))
    assert float(bpr(USERS, ITEMS, USER, ITEM, negative, WEIGHT)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", ["sampled-softmax", "bpr"])
def test_gradients_are_the_same_to_the_bit_with_threads(loss: str) -> None:
    generator = torch.Generator().manual_seed(3)
    draw = {"generator": generator}
    users, items = torch.randn(50, 64, **draw), torch.randn(300, 64, **draw)
    user, item = torch.randint(0, 50, (60_000,), **draw), torch.randint(0, 300, (60_000,), **draw)
    negative, weight = torch.randint(0, 300, (60_000,), **draw), torch.rand(60_000, **draw)
    known = torch.zeros(50, 200, dtype=torch.bool)

    def gradients() -> bytes:
        leaves = users.clone().requires_grad_(), items.clone().requires_grad_()
        if loss == "bpr":
            total = bpr(*leaves, user, item, negative, weight)
        else:
            total = sampled_softmax(*leaves, negative[:200], known, user, item, weight)
        total.backward()
        return b"".join(leaf.grad.numpy().tobytes() for leaf in leaves if leaf.grad is not None)

    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        assert len({gradients() for _ in range(10)}) == 1
    finally:
        torch.set_num_threads(before)
