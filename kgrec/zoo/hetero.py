"""What models over the whole heterogeneous graph share: stacked nodes, input features, the loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from kgrec.config.space import OneOf, Real, Space
from kgrec.training.objectives import sampled_softmax
from kgrec.training.sampling import batches, item_pool
from kgrec.zoo.base import ZooConfig, ZooModel, xavier
from kgrec.zoo.data import ZooData

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

FEATURES = ("kg", "text")


@dataclass(frozen=True, eq=False)
class StackedEdges:
    """The edges of a HeteroData over its stacked nodes: users first, items next, the other types sorted.

    Attributes:
        kinds: the ``T`` node types in that order; sizes: nodes of each; type_of: each node's type, int64 ``[N]``.
        edge_types: the ``R`` edge types, reverse ones included, sorted.
        source, relation, target: int64 ``[E]`` each, in the order of the edge types.
    """

    kinds: tuple[str, ...]
    sizes: tuple[int, ...]
    type_of: NDArray[np.int64]
    edge_types: tuple[tuple[str, str, str], ...]
    source: NDArray[np.int64]
    relation: NDArray[np.int64]
    target: NDArray[np.int64]

    @classmethod
    def of(cls, data: HeteroData, user_type: str, item_type: str) -> StackedEdges:
        """The edges of a graph made by :func:`graph_builders.to_hetero_data`."""
        kinds = (user_type, item_type, *sorted(set(data.node_types) - {user_type, item_type}))
        sizes = tuple(int(data[kind].num_nodes) for kind in kinds)
        first = dict(zip(kinds, np.cumsum([0, *sizes])))
        edge_types = tuple(sorted(data.edge_types))
        parts = []
        for number, (source, relation, target) in enumerate(edge_types):
            ends = data[source, relation, target].edge_index.cpu().numpy()
            parts.append([ends[0] + first[source], np.full(ends.shape[1], number), ends[1] + first[target]])
        columns = [np.concatenate(column) for column in zip(*parts)]
        return cls(kinds, sizes, np.repeat(np.arange(len(kinds)), sizes), edge_types, *columns)

    @property
    def num_nodes(self) -> int:
        return sum(self.sizes)


class HeteroConfig(ZooConfig):
    """Attributes:
    layers: of message passing.
    negatives: items that a step's positives are told from, all where there are no more.
    dropout: of the input and of every layer's output.
    """

    space: ClassVar[Space] = {
        "dim": OneOf((32, 64)),
        "learning_rate": Real(1e-3, 2e-2, log=True),
        "layers": OneOf((1, 2)),
        "dropout": Real(0.0, 0.6),
    }

    layers: int = Field(default=2, ge=1)
    negatives: int = Field(default=2048, ge=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    epochs: int = Field(default=60, ge=1)
    patience: int = Field(default=10, ge=1)
    batch_size: int = Field(default=8192, ge=1)
    learning_rate: float = Field(default=1e-2, gt=0)
    l2: float = Field(default=0.0, ge=0)


class SoftmaxBatch(NamedTuple):
    """A step: distinct users ``[b]``; each positive's row among them ``[p]`` and item ``[p]``; negatives ``[J]``;
    whether a user has a training interaction with a negative, bool ``[b, J]``."""

    user: Tensor
    row: Tensor
    item: Tensor
    negatives: Tensor
    known: Tensor


class HeteroModel(ZooModel):
    """Nodes start from their features; users and items are told apart by an inner product of what comes out.

    A node's input is ``Σ_f W_τf x_f`` over its features ``f``, text vectors and knowledge-graph vectors, with a matrix
    a feature and node type ``τ``, plus a learned vector for users, items, and the nodes of types without features.
    The loss is a softmax over sampled items.
    """

    Config: ClassVar[type[ZooConfig]] = HeteroConfig

    def __init__(self, data: ZooData, config: HeteroConfig, seed: int = 0) -> None:
        super().__init__(data, config, seed)
        graph = data.hetero()
        self.edges = StackedEdges.of(graph, data.snapshot.user_type, data.snapshot.item_type)
        self.ids, self.projections = nn.ParameterDict(), nn.ModuleDict()
        for number, kind in enumerate(self.edges.kinds):
            found = [name for name in FEATURES if name in graph[kind] and graph[kind][name].any()]
            if number < 2 or not found:
                self.ids[str(number)] = xavier(self.edges.sizes[number], config.dim)
            for name in found:
                matrix = graph[kind][name]
                # One scale for all vectors of a feature: rows of length 1 in the quadratic mean.
                scale = matrix.square().sum(1).mean().rsqrt()
                self.register_buffer(f"{name}{number}", matrix * scale, persistent=False)
                self.projections[f"{name}{number}"] = nn.Linear(matrix.shape[1], config.dim, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def inputs(self) -> Tensor:
        """Input vectors of all stacked nodes ``[N, dim]``."""
        rows = []
        for number in range(len(self.edges.kinds)):
            terms = [self.ids[str(number)]] if str(number) in self.ids else []
            for name in FEATURES:
                if f"{name}{number}" in self.projections:
                    terms.append(self.projections[f"{name}{number}"](self.get_buffer(f"{name}{number}")))
            rows.append(torch.stack(terms).sum(0) if len(terms) > 1 else terms[0])
        return torch.cat(rows)

    def split(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of stacked nodes ``[n, d]``, ``n`` at least users and items → users' and items'."""
        users, items = self.data.num_users, self.data.num_items
        return nodes[:users], nodes[users : users + items]

    def batches(self, epoch: int) -> Iterator[SoftmaxBatch]:
        data, size = self.data, self.config.batch_size
        for step, part in enumerate(batches(len(data.users), size, self.seed, epoch)):
            user, row = np.unique(data.users[part], return_inverse=True)
            pool = item_pool(data.num_items, self.config.negatives, self.seed, epoch, step)
            known = data.interactions[user]
            negatives = np.arange(data.num_items) if pool is None else pool
            columns = user, row, data.items[part], negatives, (known if pool is None else known[:, pool]).toarray() > 0
            yield SoftmaxBatch(*(torch.from_numpy(column).to(self.device) for column in columns))

    def loss(self, batch: SoftmaxBatch) -> Tensor:
        users, items = self()
        correction = float(np.log(len(items) / len(batch.negatives)))
        weight = torch.ones(len(batch.item), device=users.device)
        chosen = users.index_select(0, batch.user)
        total = sampled_softmax(
            chosen, items, batch.negatives, batch.known, batch.row, batch.item, weight, log_correction=correction
        ) / len(batch.item)
        if self.config.l2:
            total = total + self.config.l2 * sum(part.square().sum() for part in self.ids.values()) / len(batch.item)
        return total
