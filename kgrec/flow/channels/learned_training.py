"""Trains the factors of :class:`kgrec.flow.channels.learned.Learned`."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import embedding_bag
from torch.optim.adamw import adamw
from torch.optim.swa_utils import get_ema_multi_avg_fn

BATCH = 64
LEARNING_RATE, FEATURE_RATE, WEIGHT_DECAY = 1e-3, 3e-4, 0.1
TEMPERATURE = 5.0
"""First factor on the scores in the softmax; it is learned along."""
SHARE = (0.4, 0.9)
"""Of a history that is input in a step; the rest is what is to be found."""
AVERAGED = 3
"""Epochs that the factors are the running mean of.  It ranks as well as the mean of three runs, at the time and size of
one."""
EVERY, PATIENCE = 2, 3
"""Epochs between two looks at the held-out items; looks without a gain before it stops."""

Validate = Callable[[NDArray[np.float32], NDArray[np.float32]], float]


@dataclass(frozen=True, eq=False)
class Start:
    """What is learned from, and what it starts at.

    Attributes:
        train: binary CSR ``[users, n]``.
        source, target: first values of the factors, ``[n, dim]``.
        links: features, CSR ``[n, d]``; text: more of them, ``[n, c]``; None for none.
    """

    train: sp.csr_array
    source: NDArray[np.float32]
    target: NDArray[np.float32]
    links: sp.csr_array | None
    text: NDArray[np.float32] | None


def train_factors(
    start: Start, *, epochs: int, validate: Validate | None, seed: int, device: str
) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """AdamW on a softmax over all items; the factors are their running mean over the steps.

    Polyak and Juditsky, Acceleration of stochastic approximation by averaging, SIAM J. Control Optim. 30(4), 1992.

    Args:
        start: see there.
        epochs: at most.
        validate: figure of (source, target) to stop on; None trains for all epochs.
        seed: of the order of users and of the parts of their histories.
        device: PyTorch's name of it.

    Returns:
        source and target factors with the features' share added, float32 ``[n, dim]``, and the number of epochs.
    """
    model = _Factors(start).to(device)
    mean = deepcopy(model)
    steps = [
        _AdamW([model.source, model.target], LEARNING_RATE, WEIGHT_DECAY),
        _AdamW([model.log_temperature], LEARNING_RATE, 0.0),
        _AdamW(list(model.rows), FEATURE_RATE, WEIGHT_DECAY),
    ]
    rng = np.random.default_rng(seed)
    users = np.flatnonzero(np.diff(start.train.indptr) >= 2)
    average = get_ema_multi_avg_fn(1.0 - 1.0 / (1.0 + AVERAGED * len(users) / BATCH))  # type: ignore[no-untyped-call]
    best, kept, waiting = -1.0, (*mean.numpy(), 0), 0
    for epoch in range(1, epochs + 1):
        order = rng.permutation(users)
        for first in range(0, len(order), BATCH):
            inputs, wanted = _split(start.train[order[first : first + BATCH]], rng)
            model.zero_grad()
            model.loss(_tensor(inputs, device), _tensor(wanted, device)).backward()  # type: ignore[no-untyped-call]
            for one in steps:
                one.step()
            average(list(mean.parameters()), list(model.parameters()), None)
        if validate is None or (epoch % EVERY and epoch < epochs):
            continue
        now = mean.numpy()
        figure = validate(*now)
        if figure > best:
            best, kept, waiting = figure, (*now, epoch), 0
        else:
            waiting += 1
            if waiting >= PATIENCE:
                break
    return kept if validate is not None else (*mean.numpy(), epochs)


class _AdamW:
    """The functional form: PyTorch's optimiser objects import its compiler, which takes longer than the training of
    small data."""

    def __init__(self, parameters: list[nn.Parameter], rate: float, decay: float) -> None:
        self.parameters, self.rate, self.decay = parameters, rate, decay
        self.mean, self.square = ([torch.zeros_like(one) for one in parameters] for _ in range(2))
        self.count = [torch.zeros((), device=one.device) for one in parameters]

    @torch.no_grad()
    def step(self) -> None:
        gradients = [one.grad for one in self.parameters if one.grad is not None]
        assert len(gradients) == len(self.parameters)
        adamw(
            list(self.parameters),
            gradients,
            self.mean,
            self.square,
            [],
            self.count,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.rate,
            weight_decay=self.decay,
            eps=1e-8,
            maximize=False,
        )


class _Factors(nn.Module):
    def __init__(self, start: Start) -> None:
        super().__init__()
        links, text = start.links, start.text
        # copies: a step changes them
        self.source = nn.Parameter(torch.from_numpy(np.array(start.source)))
        self.target = nn.Parameter(torch.from_numpy(np.array(start.target)))
        self.log_temperature = nn.Parameter(torch.tensor(float(np.log(TEMPERATURE))))
        self.rows = nn.ParameterList()
        self.links = None if links is None else (_bags(links), _bags(sp.csr_array(links.T)))
        self.text = None if text is None else torch.from_numpy(np.array(text, dtype=np.float32))
        for width in (one.shape[1] for one in (links, text) if one is not None):
            # of the sources, and of the targets beside them: one product serves both
            self.rows.append(nn.Parameter(torch.zeros(width, 2 * start.source.shape[1])))

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> _Factors:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.links = None if self.links is None else (self.links[0].to(fn), self.links[1].to(fn))
        self.text = None if self.text is None else fn(self.text)
        return self

    def forward(self) -> tuple[torch.Tensor, torch.Tensor]:
        shares: list[Any] = []
        if self.links is not None:
            product: Any = _Product.apply
            shares.append(product(self.rows[0], *self.links))
        if self.text is not None:
            shares.append(self.text @ self.rows[-1])
        if not shares:
            return self.source, self.target
        by_source, by_target = sum(shares[1:], shares[0]).tensor_split(2, dim=1)
        return self.source + by_source, self.target + by_target

    def loss(self, inputs: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """Cross entropy of the wanted items, users alike: both dense ``[batch, n]``."""
        source, target = self()
        weight = inputs.sum(dim=1, keepdim=True).clamp(min=1.0) ** -0.5
        scores = (weight * (inputs @ source)) @ target.T * self.log_temperature.exp()
        log_share = scores.masked_fill(inputs > 0, -1e9).log_softmax(dim=1)
        loss: torch.Tensor = -((log_share * wanted).sum(dim=1) / wanted.sum(dim=1)).mean()
        return loss

    def numpy(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with torch.no_grad():
            source, target = self()
            return source.cpu().numpy().copy(), target.cpu().numpy().copy()


class _Bags(NamedTuple):
    """A constant CSR matrix: every row a bag of weighted columns."""

    columns: torch.Tensor
    begin: torch.Tensor
    weight: torch.Tensor

    def times(self, rows: torch.Tensor) -> torch.Tensor:
        """The product with a dense matrix."""
        return embedding_bag(self.columns, rows, self.begin, mode="sum", per_sample_weights=self.weight)

    def to(self, fn: Callable[[torch.Tensor], torch.Tensor]) -> _Bags:
        return _Bags(*map(fn, self))


def _bags(matrix: sp.csr_array) -> _Bags:
    columns, begin = matrix.indices.astype(np.int64), matrix.indptr[:-1].astype(np.int64)
    return _Bags(*map(torch.from_numpy, (columns, begin, matrix.data.astype(np.float32))))


class _Product(torch.autograd.Function):
    """``features @ parameter``; the gradient is a product with the transpose, which is kept.

    On one core several times faster than the gradients of PyTorch's own sparse products and bags.
    """

    @staticmethod
    def forward(ctx: Any, parameter: torch.Tensor, features: _Bags, turned: _Bags) -> torch.Tensor:
        ctx.turned = turned
        return features.times(parameter)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return ctx.turned.times(gradients[0].contiguous()), None, None


def _split(histories: sp.csr_array, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Every history cut in two at random, at least one item in each: two dense 0/1 matrices."""
    count = np.diff(histories.indptr)
    size = np.clip(np.round(count * rng.uniform(*SHARE, len(count))), 1, count - 1)
    rows = np.repeat(np.arange(len(count)), count)
    order = np.lexsort((rng.random(histories.nnz), rows))
    place = np.empty(histories.nnz, dtype=np.int64)
    place[order] = np.arange(histories.nnz) - np.repeat(histories.indptr[:-1], count)
    inside = place < size[rows]
    parts = []
    for chosen in (inside, ~inside):
        dense = np.zeros(histories.shape, dtype=np.float32)
        dense[rows[chosen], histories.indices[chosen]] = 1.0
        parts.append(dense)
    return parts[0], parts[1]


def _tensor(matrix: NDArray[np.float32], device: str) -> torch.Tensor:
    return torch.from_numpy(matrix).to(device)
