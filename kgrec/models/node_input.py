"""What nodes start from: learned id vector, projected text, projected vectors of their knowledge-graph neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Set

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from kgrec.config.recipe import InputConfig
from kgrec.errors import DataError, RecipeError
from kgrec.models.fusion import fusion
from kgrec.models.propagation import EdgeType

INIT_STD = 0.1


class NodeInput(nn.Module):
    """``h(x) + Σ v`` and its variations: the input matrix of all stacked nodes.

    The neighbours' term of a node is ``W Σ_{m in N(v)} k_m`` (or the mean over them), ``k_m`` the vectors of a
    knowledge-graph embedding and ``N(v)`` the neighbours over knowledge-graph edges in either direction, an edge
    counting once.  Feature matrices are scaled by one constant each so that their rows' norms are 1 in the quadratic
    mean.  Users carry a learned vector only with ``config.user_id``, else their rows are zero; items carry one with
    ``config.id``, entities with ``config.entity_id``: most entities have one or two edges, and a vector each learns the
    training data by heart.  In training, a share of the items' input can be dropped (``config.dropout``, rounded to
    1/256).

    Args:
        data: the graph; per node type, ``text`` and ``kg`` matrices where there are any.
        config: the terms.
        dim: columns of the output.
        user_type, item_type: node types.
        kinds: the node types that have edges in the model: only these get vectors.
        kg_edges: the edge types that make neighbours, in one direction only.
        generator: of the initial vectors.

    Raises:
        DataError: a feature holds NaN or infinity.
        RecipeError: no node would have any term.
    """

    ids: Tensor

    def __init__(
        self,
        data: HeteroData,
        config: InputConfig,
        dim: int,
        user_type: str,
        item_type: str,
        kinds: Set[str],
        kg_edges: tuple[EdgeType, ...],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.dim, self.item_type, self.dropout = dim, item_type, config.dropout
        self.fused = kinds - {user_type}
        self.sizes = {kind: int(data[kind].num_nodes) for kind in data.node_types}
        features = {}
        if config.text:
            features["text"] = _features(data, "text", kinds - {user_type})
        if config.neighbours != "off" and kg_edges:
            vectors = _features(data, "kg", kinds - {user_type})
            features["neighbours"] = _neighbours(vectors, self.sizes, kg_edges, data, config.neighbours == "mean")
            features["neighbours"].pop(user_type, None)
        self.terms = [_Projected(matrices, dim, generator) for matrices in features.values() if matrices]
        self.projections = nn.ModuleList(self.terms)
        # One matrix for all types: names of node types need not be names of parameters.
        asked = {user_type: config.user_id, item_type: config.id}
        self.with_id = [kind for kind in self.sizes if kind in kinds and asked.get(kind, config.entity_id)]
        rows = sum(self.sizes[kind] for kind in self.with_id)
        ids = torch.randn(rows, dim, generator=generator) * INIT_STD
        if rows:
            self.ids = nn.Parameter(ids)
        else:
            self.register_buffer("ids", ids, persistent=False)
        self.id_term = any(kind != user_type for kind in self.with_id)
        terms = len(self.terms) + self.id_term
        if not terms:
            raise RecipeError(
                "nodes have nothing to start from",
                column="model.input",
                remedy="switch on model.input.id, or give the nodes text or knowledge-graph vectors",
            )
        self.fusion = fusion(config.fusion, terms, dim) if terms > 1 else None

    def forward(self, noise: int | None = None) -> Tensor:
        """The input matrix, float32 ``[N, dim]``, types stacked in the graph's order.

        Args:
            noise: seed of the dropout; None for none.  A seed and not the global generator, so that all processes that
                share a step drop the same numbers.
        """
        ids = dict(zip(self.with_id, torch.split(self.ids, [self.sizes[kind] for kind in self.with_id]), strict=True))
        rows = {kind: self._rows(kind, size, ids.get(kind)) for kind, size in self.sizes.items()}
        if noise is not None and self.dropout:
            rows[self.item_type] = self._drop(rows[self.item_type], noise)
        return torch.cat(list(rows.values()))

    def _drop(self, x: Tensor, noise: int) -> Tensor:
        # Random bytes of numpy's are several times faster than a Bernoulli number an entry, and alike on every device.
        threshold = round(256 * self.dropout)
        drawn = np.random.Generator(np.random.Philox(noise)).integers(0, 256, size=tuple(x.shape), dtype=np.uint8)
        return x.masked_fill(torch.from_numpy(drawn < threshold).to(x.device), 0) * (256 / (256 - threshold))

    def _rows(self, kind: str, size: int, ids: Tensor | None) -> Tensor:
        zeros = self.ids.new_zeros(size, self.dim)
        if kind not in self.fused:
            return zeros if ids is None else ids
        values, present = [], []
        if self.id_term:
            values.append(zeros if ids is None else ids)
            present.append(torch.full((size,), ids is not None, device=zeros.device))
        for term in self.terms:
            value, has = term(kind)
            values.append(zeros if value is None else value)
            present.append(zeros.new_zeros(size, dtype=torch.bool) if has is None else has)
        return values[0] if self.fusion is None else self.fusion(values, present)


class _Projected(nn.Module):
    """Feature matrices of several node types, scaled together, through one linear map without a constant."""

    def __init__(self, matrices: Mapping[str, Tensor], dim: int, generator: torch.Generator) -> None:
        super().__init__()
        self.index = {kind: n for n, kind in enumerate(matrices)}
        scale = _scale(matrices)
        weight = torch.empty(dim, next(iter(matrices.values())).shape[1])
        self.weight = nn.Parameter(weight.normal_(std=INIT_STD, generator=generator))
        for n, matrix in enumerate(matrices.values()):
            self.register_buffer(f"matrix{n}", matrix * scale, persistent=False)
            self.register_buffer(f"present{n}", matrix.any(dim=1), persistent=False)

    def forward(self, kind: str) -> tuple[Tensor | None, Tensor | None]:
        """The projected matrix ``[n, dim]`` of one type and where it has rows ``[n]``; None for a type without."""
        if kind not in self.index:
            return None, None
        n = self.index[kind]
        return self.get_buffer(f"matrix{n}") @ self.weight.T, self.get_buffer(f"present{n}")


def _features(data: HeteroData, name: str, kinds: Set[str]) -> dict[str, Tensor]:
    found = {}
    for kind in sorted(kinds):
        matrix = data[kind].get(name)
        if matrix is None or not matrix.numel():
            continue
        bad = (~torch.isfinite(matrix)).any(dim=1).nonzero()
        if len(bad):
            raise DataError(
                f"the {name} vector of a node is not finite",
                column=kind,
                value=f"node {int(bad[0])}",
                expected="finite numbers",
                remedy=f"compute the {name} vectors again: {len(bad)} node(s) of this type have NaN or infinity",
            )
        if matrix.any():
            found[kind] = matrix.float()
    return found


def _neighbours(
    vectors: Mapping[str, Tensor],
    sizes: Mapping[str, int],
    edge_types: tuple[EdgeType, ...],
    data: HeteroData,
    mean: bool,
) -> dict[str, Tensor]:
    if not vectors:
        return {}
    width = next(iter(vectors.values())).shape[1]
    total = {kind: torch.zeros(size, width, dtype=torch.float64) for kind, size in sizes.items()}
    degree = {kind: torch.zeros(size, dtype=torch.float64) for kind, size in sizes.items()}
    for kind in edge_types:
        source, target = data[kind].edge_index.cpu()
        for at, end, other, far in ((kind[2], target, source, kind[0]), (kind[0], source, target, kind[2])):
            if far in vectors:
                total[at].index_add_(0, end, vectors[far].cpu().double()[other])
                degree[at].index_add_(0, end, torch.ones(len(end), dtype=torch.float64))
    if mean:
        total = {kind: matrix / degree[kind].clamp(min=1)[:, None] for kind, matrix in total.items()}
    return {kind: matrix.float() for kind, matrix in total.items() if matrix.any()}


def _scale(matrices: Mapping[str, Tensor]) -> float:
    squares = torch.cat([matrix.double().square().sum(1) for matrix in matrices.values()])
    return float(squares[squares > 0].mean().rsqrt())
