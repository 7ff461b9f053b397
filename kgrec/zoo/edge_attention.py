"""Attention over a fixed set of edges as sparse products: one number an edge, never a vector an edge."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from kgrec.models.sparse import csr_tensor


class EdgeAttention(nn.Module):
    """``out_t = Σ_e π_e v_{row(e)}`` over the edges ``e`` into ``t`` with ``π = softmax_e <q_t, k_{row(e)}>``.

    A target without edges receives zero.  With ``A`` the sparse matrix of the edges' numbers, all gradients are
    products with ``A`` or ``Aᵀ`` and inner products at the edges (``torch.sparse.sampled_addmm``).

    Args:
        target, row: the edges' ends, ``[E]`` each, sorted by (target, row); parallel edges stay.
        targets, rows: ``n`` and ``S``.
    """

    crow: Tensor
    column: Tensor
    back_crow: Tensor
    back_column: Tensor
    mirror: Tensor

    def __init__(self, target: NDArray[np.int64], row: NDArray[np.int64], targets: int, rows: int) -> None:
        super().__init__()
        self.shape = targets, rows
        index = np.int32 if len(row) < 2**31 else np.int64
        mirror = np.argsort(row, kind="stable")
        buffers = {
            "crow": np.searchsorted(target, np.arange(targets + 1)).astype(index),
            "column": row.astype(index),
            "back_crow": np.searchsorted(row[mirror], np.arange(rows + 1)).astype(index),
            "back_column": target[mirror].astype(index),
            "mirror": mirror,
        }
        for name, array in buffers.items():
            self.register_buffer(name, torch.from_numpy(array), persistent=False)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """query ``[n, d]``, key ``[S, d]``, value ``[S, d']`` → ``[n, d']``."""
        logits: Tensor = _Inner.apply(query, key, self)  # type: ignore[no-untyped-call]
        offsets = self.crow.long()
        # Any constant a target leaves a softmax as it is: the largest logit, so that nothing overflows.
        largest = torch.segment_reduce(logits.detach(), "max", offsets=offsets, initial=-torch.inf)
        power = (logits - largest.repeat_interleave(offsets.diff())).exp()
        # A column of ones beside the values sums the powers: one product gives numerator and denominator.
        summed: Tensor = _Sum.apply(power, torch.cat([value, value.new_ones(len(value), 1)], 1), self)  # type: ignore[no-untyped-call]
        return summed[:, :-1] / summed[:, -1:].clamp(min=torch.finfo(summed.dtype).tiny)

    def matrix(self, values: Tensor) -> Tensor:
        """``A [n, S]`` of the edges' values ``[E]``."""
        return csr_tensor(self.crow, self.column, values, self.shape)

    def transposed(self, values: Tensor) -> Tensor:
        """``Aᵀ [S, n]`` of the edges' values ``[E]``."""
        return csr_tensor(self.back_crow, self.back_column, values[self.mirror], self.shape[::-1])

    def inner(self, left: Tensor, right: Tensor) -> Tensor:
        """``<left_t, right_row>`` of every edge: ``[n, d]``, ``[S, d]`` → ``[E]``."""
        pattern = self.matrix(left.new_zeros(len(self.column)))
        values: Tensor = torch.sparse.sampled_addmm(pattern, left.contiguous(), right.t(), beta=0.0).values()
        return values


class _Inner(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, edges: EdgeAttention) -> Tensor:
        ctx.save_for_backward(query, key)
        ctx.edges = edges
        return edges.inner(query, key)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        query, key = ctx.saved_tensors
        return ctx.edges.matrix(grad) @ key, ctx.edges.transposed(grad) @ query, None


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, value: Tensor, edges: EdgeAttention) -> Tensor:
        ctx.save_for_backward(weight, value)
        ctx.edges = edges
        return edges.matrix(weight) @ value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        weight, value = ctx.saved_tensors
        grad = grad.contiguous()
        return ctx.edges.inner(grad, value), ctx.edges.transposed(weight) @ grad, None
