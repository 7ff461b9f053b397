"""Products with sparse matrices that are not learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from kgrec.models.sparse import csr_tensor


class ConstantProduct(nn.Module):
    """``A x`` where ``A`` is no parameter; the gradient ``Aᵀ g`` is a CSR product too.

    PyTorch's own backward would transpose ``A`` at every step.  On a CPU a CSR product is several times faster than
    gathering and scattering one row an edge.

    Args:
        matrix: ``A``, CSR of shape ``[n, m]``.
    """

    mirror: Tensor
    forward_value: Tensor
    backward_value: Tensor

    def __init__(self, matrix: sp.csr_array) -> None:
        super().__init__()
        self.rows, self.columns = (int(size) for size in matrix.shape)
        matrix = sp.csr_array(matrix, copy=True)
        matrix.sum_duplicates()
        places = sp.csr_array((np.arange(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)
        mirrored = sp.csr_array(places.T)
        mirrored.sort_indices()
        self.register_buffer("mirror", torch.from_numpy(mirrored.data), persistent=False)
        for name, csr in (("forward", matrix), ("backward", mirrored)):
            index = torch.int32 if csr.nnz < 2**31 else torch.int64
            # Strided buffers, not a CSR one: they can be moved, copied and broadcast between processes.
            self.register_buffer(f"{name}_crow", torch.from_numpy(csr.indptr).to(index), persistent=False)
            self.register_buffer(f"{name}_column", torch.from_numpy(csr.indices).to(index), persistent=False)
            value = torch.from_numpy(matrix.data if csr is matrix else matrix.data[mirrored.data])
            self.register_buffer(f"{name}_value", value.float(), persistent=False)

    def replace(self, values: Tensor) -> None:
        """Other values in the same pattern, ``[nnz]``: rows in order, columns sorted within a row."""
        self.forward_value = values
        self.backward_value = values[self.mirror]

    def forward(self, x: Tensor) -> Tensor:
        """x ``[m, d]`` → ``[n, d]``."""
        there, back = self._csr("forward", self.rows, self.columns), self._csr("backward", self.columns, self.rows)
        product: Tensor = _Product.apply(x, there, back)  # type: ignore[no-untyped-call]
        return product

    def _csr(self, name: str, rows: int, columns: int) -> Tensor:
        crow, column, value = (getattr(self, f"{name}_{part}") for part in ("crow", "column", "value"))
        return csr_tensor(crow, column, value, (rows, columns))


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, there: Tensor, back: Tensor) -> Tensor:
        ctx.back = back
        return there @ x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return ctx.back @ grad.contiguous(), None, None


def row_normalised(matrix: sp.csr_array) -> sp.csr_array:
    """Every row divided by its sum; empty rows stay."""
    total = matrix.sum(axis=1)
    scale = sp.dia_array(((1.0 / total.clip(min=1e-12))[None], 0), shape=(len(total), len(total)))
    return sp.csr_array(scale @ matrix)


def symmetric_normalised(matrix: sp.csr_array) -> sp.csr_array:
    """``D_r^{-1/2} A D_c^{-1/2}`` with the row and column sums; empty rows and columns stay."""
    left, right = (matrix.sum(axis=axis).clip(min=1e-12) ** -0.5 for axis in (1, 0))
    rows = sp.dia_array((left[None], 0), shape=(len(left), len(left)))
    columns = sp.dia_array((right[None], 0), shape=(len(right), len(right)))
    return sp.csr_array(rows @ matrix @ columns)


def bipartite(matrix: sp.csr_array) -> sp.csr_array:
    """``[[0, A], [Aᵀ, 0]]``: the adjacency of a bipartite graph, rows of ``A`` first; CSR ``[n + m, n + m]``."""
    coo, rows = matrix.tocoo(), matrix.shape[0]
    left, right = coo.coords[0], coo.coords[1] + rows
    ends = np.concatenate([left, right]), np.concatenate([right, left])
    return sp.csr_array((np.tile(coo.data, 2), ends), shape=(sum(matrix.shape), sum(matrix.shape)))
