"""The stacked, relation-weighted adjacency and its product with a dense matrix.

All edges of all relations lie in *one* CSR pattern that never changes; an entry's value is its relation's learned
weight times a constant: R-GCN's one transformation a relation (Schlichtkrull et al., ESWC 2018, equation 2) with a
number in the matrix's place, and LightGCN's symmetric normalisation (He et al., SIGIR 2020, equation 3) per relation.

PyTorch's own backward through the values of a CSR matrix coalesces entries and fails where a pair has two edges.  Here
the gradients are written out: for ``y = A x``

    dL/dx = Aᵀ dL/dy,        dL/dA_e = <dL/dy[row(e)], x[column(e)]>   for every *entry* e,

the second by ``torch.sparse.sampled_addmm``, which works entry by entry.  Since every edge stands in the pattern in
both directions, ``Aᵀ`` has the same pattern: its values are ``A``'s, each taken from the mirrored entry.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch_geometric.data import HeteroData

from kgrec.models.propagation import EdgeType
from kgrec.models.sparse import csr_tensor


class StackedGraph(nn.Module):
    """The edges of a heterogeneous graph over its stacked nodes, with symmetric normalisation per relation.

    An edge (s, t) of relation k fills two entries, ``[t, s]`` with weight slot ``k`` and ``[s, t]`` with slot
    ``K + k``; both have the constant ``1 / sqrt(deg_k(s) deg_k(t))``.  Parallel edges are entries of their own.

    Args:
        data: the graph; only ``num_nodes`` and ``edge_index`` of ``edge_types`` are read.
        edge_types: the ``K`` relations, in one direction only.
        removable: the relation whose edges a step can take out, one of ``edge_types``.

    Shapes:
        ``E`` edges, ``N`` nodes of all types in ``data``'s order, ``R`` removable edges.

    Attributes:
        offsets: node type → position of its first node.
        num_nodes: ``N``.
    """

    crow: Tensor
    column: Tensor
    mirror: Tensor
    slot: Tensor
    constant: Tensor
    ends: Tensor
    entries: Tensor

    def __init__(self, data: HeteroData, edge_types: tuple[EdgeType, ...], removable: EdgeType) -> None:
        super().__init__()
        self.edge_types = edge_types
        self.offsets: dict[str, int] = {}
        self.num_nodes = 0
        for kind in data.node_types:
            self.offsets[kind] = self.num_nodes
            self.num_nodes += int(data[kind].num_nodes)

        rows, columns, constants, slots = [], [], [], []
        for k, kind in enumerate(edge_types):
            source, target = data[kind].edge_index.cpu().numpy()
            constant = 1.0 / np.sqrt(np.bincount(source)[source] * np.bincount(target)[target])
            rows.append(target + self.offsets[kind[2]])
            columns.append(source + self.offsets[kind[0]])
            constants.append(constant)
            slots.append(np.full(len(source), k))
        row, column, constant, slot = (np.concatenate(part) for part in (rows, columns, constants, slots))
        count = len(row)
        order = np.lexsort((np.concatenate([column, row]), np.concatenate([row, column])))
        position = np.empty(2 * count, dtype=np.int64)
        position[order] = np.arange(2 * count)
        degree = np.bincount(np.concatenate([row, column]), minlength=self.num_nodes)
        crow = np.concatenate([[0], np.cumsum(degree)])
        index = torch.int32 if 2 * count < 2**31 else torch.int64

        first = sum(len(part) for part in slots[: edge_types.index(removable)])
        chosen = np.arange(first, first + len(slots[edge_types.index(removable)]))
        self._buffer("crow", torch.from_numpy(crow).to(index))
        self._buffer("column", torch.from_numpy(np.concatenate([column, row])[order]).to(index))
        self._buffer("mirror", torch.from_numpy(np.roll(position, count)[order]))
        self._buffer("slot", torch.from_numpy(np.concatenate([slot, slot + len(edge_types)])[order]))
        self._buffer("constant", torch.from_numpy(np.concatenate([constant, constant])[order]).float())
        self._buffer("ends", torch.from_numpy(np.stack([column[chosen], row[chosen]])))
        self._buffer("entries", torch.from_numpy(np.stack([position[chosen], position[chosen + count]])))

    def _buffer(self, name: str, value: Tensor) -> None:
        # Strided index tensors, not CSR ones: those can be moved, pickled and broadcast between processes.
        self.register_buffer(name, value.contiguous(), persistent=False)

    def constants(self, removed: Tensor | None = None) -> Tensor:
        """The constants of all entries, shape ``[2E]``, when some removable edges are taken out, degrees too.

        Args:
            removed: positions among the removable edges (in the order of their ``edge_index``), int64 ``[r]``.
        """
        if removed is None or not len(removed):
            return self.constant
        kept = torch.ones(self.ends.shape[1], dtype=self.constant.dtype, device=self.constant.device)
        kept[removed] = 0
        source, target = (
            torch.zeros(self.num_nodes, dtype=kept.dtype, device=kept.device).index_add_(0, end, kept)[end]
            for end in self.ends
        )
        value = kept / (source * target).clamp(min=1).sqrt()
        constant = self.constant.clone()
        constant[self.entries] = value
        return constant

    def values(self, weights: Tensor, removed: Tensor | None = None) -> Tensor:
        """Entry values ``[2E]`` from the relation weights ``[2K]`` (forward ones first)."""
        return weights.index_select(0, self.slot) * self.constants(removed)

    def matmul(self, values: Tensor, x: Tensor) -> Tensor:
        """``A x``: values ``[2E]``, x ``[N, d]`` → ``[N, d]``; differentiable in both."""
        product: Tensor = _Matmul.apply(values, x, self.crow, self.column, self.mirror)  # type: ignore[no-untyped-call]
        return product


class _Matmul(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, x: Tensor, crow: Tensor, column: Tensor, mirror: Tensor) -> Tensor:
        ctx.save_for_backward(values, x, crow, column, mirror)
        return _csr(crow, column, values) @ x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        values, x, crow, column, mirror = ctx.saved_tensors
        grad = grad.contiguous()
        grad_values = grad_x = None
        if ctx.needs_input_grad[0]:
            pattern = _csr(crow, column, torch.zeros_like(values))
            grad_values = torch.sparse.sampled_addmm(pattern, grad, x.t(), beta=0.0).values()
        if ctx.needs_input_grad[1]:
            grad_x = _csr(crow, column, values[mirror]) @ grad
        return grad_values, grad_x, None, None, None


def _csr(crow: Tensor, column: Tensor, values: Tensor) -> Tensor:
    return csr_tensor(crow, column, values, (len(crow) - 1, len(crow) - 1))
