"""Trains the factors of :class:`kgrec.flow.channels.learned.Learned` where a softmax over all items costs too much."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import embedding_bag

from kgrec.flow.channels.learned_training import (
    FEATURE_RATE,
    LEARNING_RATE,
    SHARE,
    TEMPERATURE,
    WEIGHT_DECAY,
    Start,
    Validate,
)

SMALL, LARGE, STEPS, NEGATIVES = 128, 2048, 100, 1024
"""Users a step, at least and at most; steps of an epoch between these; items drawn for all users of a step."""
POWER = 0.75
"""Items are drawn in proportion to this power of their degree."""
VISITS = 1_000_000
"""So often is a history looked at, at most: with more users the epochs are fewer."""
LOOKS = 6
"""At the held-out items, evenly spread over the steps."""


def batch_of(users: int) -> int:
    """Users a step.  Learning rates are those of the whole softmax times the root of how much larger a step is."""
    return int(np.clip(users // STEPS, SMALL, LARGE))


def steps_of(users: int, epochs: int) -> int:
    """How many steps there are, at most."""
    return max(1, min(epochs * users, max(VISITS, users)) // batch_of(users))


def train_factors_sampled(
    start: Start, *, steps: int, validate: Validate | None, seed: int, device: str
) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """Adam on a sampled softmax, of the rows that a step touches.

    The sum over all items that are not to be found is estimated from items drawn with probability ``q``, each counted
    ``1 / (S q)`` times: ``-log(S q)`` is added to its score.  What is to be found is counted as it is.  (Bengio and
    Senécal, Adaptive importance sampling to accelerate training of a neural probabilistic language model, IEEE TNN
    19(4), 2008.)  A row that a step does not touch stays as it is, moments and decay with it: time does not depend on
    the number of items.

    Args:
        start: see there.
        steps: at most.
        validate: figure of (source, target): the best of some looks is kept, the first being that at the start; None
            takes all steps.
        seed: of the order of users, of the parts of their histories, and of the items drawn.
        device: PyTorch's name of it.

    Returns:
        source and target factors with the features' share added, float32 ``[n, dim]``, and the number of steps.
    """
    rng = np.random.default_rng(seed)
    model, train = _Sampled(start).to(device), start.train
    users = np.flatnonzero(np.diff(train.indptr) >= 2)
    size = batch_of(len(users))
    faster = (size / SMALL) ** 0.5
    rows = [_Rows(table, faster * LEARNING_RATE) for table in (model.source, model.target)]
    groups = [
        {"params": [model.log_temperature], "lr": LEARNING_RATE, "weight_decay": 0.0},
        {"params": list(model.shares.values()), "lr": faster * FEATURE_RATE, "weight_decay": WEIGHT_DECAY},
    ]
    optimiser = torch.optim.AdamW(groups, fused=True)
    degree = np.bincount(train.indices, minlength=train.shape[1])
    cumulative = np.cumsum(np.maximum(degree, 1) ** POWER)
    log_q = np.log(np.maximum(degree, 1) ** POWER / cumulative[-1]).astype(np.float32)
    look = -(-steps // LOOKS)
    kept = (*model.numpy(), 0)
    best = -1.0 if validate is None else validate(*kept[:2])
    order, first = rng.permutation(users), 0
    for step in range(1, (steps if len(users) else 0) + 1):
        if first >= len(order):
            order, first = rng.permutation(users), 0
        batch = sp.csr_array(train[order[first : first + size]])
        first += size
        drawn = np.searchsorted(cumulative, rng.random(NEGATIVES) * cumulative[-1])
        log_count = log_q[drawn] + np.float32(np.log(NEGATIVES))
        loss, touched = model.loss(batch, _inputs(batch, rng), drawn, log_count, device)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        for table, (ids, values) in zip(rows, touched, strict=True):
            table.step(ids, values.grad)
        if step % look and step < steps:
            continue
        if validate is None:
            kept = (*model.numpy(), step) if step == steps else kept
        else:
            now = model.numpy()
            figure = validate(*now)
            if figure > best:
                best, kept = figure, (*now, step)
    return kept


class _Sampled(nn.Module):
    def __init__(self, start: Start) -> None:
        super().__init__()
        # copies: a step changes them
        self.source: torch.Tensor
        self.target: torch.Tensor
        self.register_buffer("source", torch.from_numpy(np.array(start.source)))
        self.register_buffer("target", torch.from_numpy(np.array(start.target)))
        self.log_temperature = nn.Parameter(torch.tensor(float(np.log(TEMPERATURE))))
        self.links, self.text = start.links, start.text
        self.shares = nn.ParameterDict(
            {
                f"{kind} {side}": nn.Parameter(torch.zeros(table.shape[1], start.source.shape[1]))
                for kind, table in (("links", start.links), ("text", start.text))
                if table is not None
                for side in ("source", "target")
            }
        )

    def loss(
        self,
        batch: sp.csr_array,
        inside: NDArray[np.bool_],
        drawn: NDArray[np.int64],
        log_count: NDArray[np.float32],
        device: str,
    ) -> tuple[torch.Tensor, list[tuple[torch.Tensor, torch.Tensor]]]:
        """Cross entropy of what is to be found, users alike, and the rows that it was computed from.

        Args:
            batch: histories, CSR ``[b, n]``; inside: which of their entries are input.
            drawn: items ``[S]``; log_count: log of how often each is expected among them.
        """
        users = np.repeat(np.arange(batch.shape[0]), np.diff(batch.indptr))
        held, item_of = np.unique(batch.indices[inside], return_inverse=True)
        wanted, wanted_of = np.unique(np.concatenate([batch.indices[~inside], drawn]), return_inverse=True)
        left, right = self._rows(self.source, held, device), self._rows(self.target, wanted, device)
        e = left[1] + self._share(held, "source", device)
        f = right[1] + self._share(wanted, "target", device)
        count = np.bincount(users[inside], minlength=batch.shape[0])
        offsets = np.concatenate([[0], np.cumsum(count)[:-1]])
        state = embedding_bag(_on(item_of, device), e, _on(offsets, device), mode="sum")
        state = state * _on(count.astype(np.float32) ** -0.5, device)[:, None] * self.log_temperature.exp()
        who, what = users[~inside], wanted_of[: (~inside).sum()]
        positive = (state[_on(who, device)] * f[_on(what, device)]).sum(dim=1)
        rest = state @ f[_on(wanted_of[len(what) :], device)].T - _on(log_count, device)
        # what a user has, or is to find, is none of the rest
        known = sp.csr_array(batch[:, drawn])
        rest = rest.index_put(
            (_on(np.repeat(np.arange(batch.shape[0]), np.diff(known.indptr)), device), _on(known.indices, device)),
            torch.tensor(-torch.inf, device=device),
        )
        highest = rest.detach().max(dim=1).values.scatter_reduce(0, _on(who, device), positive.detach(), "amax")
        found = torch.zeros(batch.shape[0], device=device).index_add(
            0, _on(who, device), (positive - highest[_on(who, device)]).exp()
        )
        log_sum = (found + (rest - highest[:, None]).exp().sum(dim=1)).log() + highest
        number = _on(np.bincount(who, minlength=batch.shape[0]).astype(np.float32), device)
        loss: torch.Tensor = ((log_sum[_on(who, device)] - positive) / number[_on(who, device)]).sum() / batch.shape[0]
        return loss, [left, right]

    def _rows(
        self, table: torch.Tensor, ids: NDArray[np.integer[Any]], device: str
    ) -> tuple[torch.Tensor, torch.Tensor]:
        places = _on(ids, device)
        return places, table[places].requires_grad_()

    def _share(self, ids: NDArray[np.integer[Any]], side: str, device: str) -> torch.Tensor | float:
        """``Σ_x c_jx Q_x`` of some items."""
        share: torch.Tensor | float = 0.0
        if self.links is not None and (some := sp.csr_array(self.links[ids])).nnz:
            share = share + embedding_bag(
                _on(some.indices, device),
                self.shares[f"links {side}"],
                _on(some.indptr[:-1], device),
                mode="sum",
                per_sample_weights=_on(some.data, device),
            )
        if self.text is not None:
            share = share + _on(self.text[ids], device) @ self.shares[f"text {side}"]
        return share

    def numpy(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        whole = []
        for side, table in (("source", self.source), ("target", self.target)):
            factors = table.cpu().numpy().copy()
            for kind, features in (("links", self.links), ("text", self.text)):
                if features is not None:
                    factors = factors + features @ self.shares[f"{kind} {side}"].detach().cpu().numpy()
            whole.append(np.asarray(factors, dtype=np.float32))
        return whole[0], whole[1]


class _Rows:
    """Adam with decoupled decay of the rows that a step touches."""

    def __init__(self, table: torch.Tensor, rate: float) -> None:
        self.table, self.rate = table, rate
        self.mean, self.square = torch.zeros_like(table), torch.zeros_like(table)
        self.steps = torch.zeros(len(table), device=table.device)

    @torch.no_grad()
    def step(self, ids: torch.Tensor, gradient: torch.Tensor | None) -> None:
        assert gradient is not None
        self.steps[ids] += 1
        mean = 0.9 * self.mean[ids] + 0.1 * gradient
        square = 0.999 * self.square[ids] + 0.001 * gradient**2
        self.mean[ids], self.square[ids] = mean, square
        steps = self.steps[ids, None]
        move = (mean / (1 - 0.9**steps)) / ((square / (1 - 0.999**steps)).sqrt() + 1e-8)
        self.table[ids] = self.table[ids] * (1 - self.rate * WEIGHT_DECAY) - self.rate * move


def _inputs(histories: sp.csr_array, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which entries of the histories are input: a random part of each, at least one, and not all."""
    count = np.diff(histories.indptr)
    size = np.clip(np.round(count * rng.uniform(*SHARE, len(count))), 1, count - 1)
    rows = np.repeat(np.arange(len(count)), count)
    order = np.lexsort((rng.random(histories.nnz), rows))
    place = np.empty(histories.nnz, dtype=np.int64)
    place[order] = np.arange(histories.nnz) - np.repeat(histories.indptr[:-1], count)
    return place < size[rows]


def _on(values: Any, device: str) -> torch.Tensor:
    kind = np.float32 if values.dtype.kind == "f" else np.int64
    return torch.from_numpy(np.ascontiguousarray(values, dtype=kind)).to(device)
