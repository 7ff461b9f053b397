"""The losses.  Each gives the weighted *sum* over its positives, so that processes can share a batch unevenly.

Rows are taken by ``index_select``: the gradient of ``x[index]`` adds up in whatever order the threads come, so that the
same seed would give other last digits."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_NONE = -1e9


def sampled_softmax(
    users: Tensor,
    items: Tensor,
    negatives: Tensor,
    known: Tensor,
    user: Tensor,
    item: Tensor,
    weight: Tensor,
    log_correction: float = 0.0,
    temperature: float = 1.0,
) -> Tensor:
    """Cross-entropy of every positive against the negatives that its user has not interacted with.

    For a positive (u, i): ``-log(e^{s_ui} / (e^{s_ui} + Σ_{j in J, (u, j) not in train} e^{s_uj}))`` with ``s`` the
    inner product over the temperature.  The sum over the negatives is shared by all positives of a user.

    With all items as negatives it is the softmax itself; a sample estimates it (Bengio and Senécal, Adaptive importance
    sampling to accelerate training of a neural probabilistic language model, IEEE Transactions on Neural Networks 2008)
    and is InfoNCE (van den Oord, Li and Vinyals, arXiv 1807.03748, equation 4).

    Args:
        users: vectors of the batch's distinct users ``[b, d]``.
        items: vectors of all items ``[M, d]``.
        negatives: the negatives' ids ``[J]``.
        known: whether the user has a training interaction with the negative, bool ``[b, J]``.
        user: row of each positive's user among ``users``, ``[p]``.
        item: each positive's item ``[p]``.
        weight: each positive's weight ``[p]``.
        log_correction: ``log(M / J)`` where the negatives are a uniform sample of the items (so that the sum stands for
            all of them).
        temperature: of the softmax.

    Returns:
        Sum over the positives, a scalar.
    """
    candidates = items if len(negatives) == len(items) else items.index_select(0, negatives)
    scores = (users @ candidates.T / temperature).masked_fill(known, _NONE)
    rest = scores.logsumexp(dim=1) + log_correction
    positive = (users.index_select(0, user) * items.index_select(0, item)).sum(1) / temperature
    return (weight * F.softplus(rest.index_select(0, user) - positive)).sum()


def bpr(users: Tensor, items: Tensor, user: Tensor, item: Tensor, negative: Tensor, weight: Tensor) -> Tensor:
    """Bayesian personalised ranking, ``-log σ(s_ui - s_uj)``.

    Rendle, Freudenthaler, Gantner and Schmidt-Thieme, BPR: Bayesian personalized ranking from implicit feedback, UAI
    2009, BPR-Opt without its regulariser.

    Args:
        users: vectors ``[b, d]``; items: vectors ``[M, d]``.
        user: rows among ``users`` ``[p]``; item: positives ``[p]``; negative: negatives ``[p]``, -1 for none.
        weight: each positive's weight ``[p]``.

    Returns:
        Sum over the positives that have a negative, a scalar.
    """
    other = items.index_select(0, negative.clamp(min=0))
    margin = (users.index_select(0, user) * (items.index_select(0, item) - other)).sum(1)
    return (weight * torch.where(negative >= 0, F.softplus(-margin), torch.zeros_like(margin))).sum()
