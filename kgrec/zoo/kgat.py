"""KGAT: Wang, He, Cao, Liu and Chua, KGAT: Knowledge graph attention network for recommendation, KDD 2019, arXiv
1905.07854."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.utils import softmax

from kgrec.config.space import OneOf, Real, Space
from kgrec.training.sampling import batches
from kgrec.zoo.base import PairBatch, ZooConfig, ZooModel, xavier
from kgrec.zoo.data import ZooData
from kgrec.zoo.scorers import ZooScorer
from kgrec.zoo.sparse import ConstantProduct


class KGATConfig(ZooConfig):
    """Attributes:
    layers: output width of each attentive layer.
    relation_dim: of the relation spaces.
    kg_batch_size: triples a step of the knowledge-graph loss.
    dropout: of every layer's output.
    """

    space: ClassVar[Space] = {
        **ZooConfig.space,
        "kg_batch_size": OneOf((2048, 8192, 32768)),
        "dropout": Real(0.0, 0.5),
    }

    layers: tuple[int, ...] = Field(default=(64, 32), min_length=1)
    relation_dim: int = Field(default=64, ge=1)
    kg_batch_size: int = Field(default=32768, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    learning_rate: float = Field(default=5e-3, gt=0)
    patience: int = Field(default=8, ge=1)


class TripleBatch(NamedTuple):
    """Edges of the collaborative knowledge graph, sorted by relation, with a random tail each: int64 ``[p]`` all."""

    head: Tensor
    relation: Tensor
    tail: Tensor
    other: Tensor


class KGAT(ZooModel):
    """Users, items and entities are nodes of one graph with interactions as one more relation, inverses included.

    TransR, ``g(h,r,t) = ‖W_r e_h + e_r - W_r e_t‖²`` with ``-ln σ(g(h,r,t') - g(h,r,t))`` (equations 1 and 2);
    attention ``π = softmax_{N_h} (W_r e_t)ᵀ tanh(W_r e_h + e_r)`` (equations 4 and 5); bi-interaction
    ``LeakyReLU(W1 (e_h + e_N)) + LeakyReLU(W2 (e_h ⊙ e_N))`` with ``e_N = Σ π e_t`` (equations 3 and 8); the layers are
    concatenated (equation 11).  The two losses are trained in turns; attention is renewed before each epoch and before
    scoring (section 3.4 and the authors' code, which scales each layer's output to unit length too).
    """

    name: ClassVar[str] = "KGAT"
    Config: ClassVar[type[ZooConfig]] = KGATConfig
    edges: Tensor
    place: Tensor

    def __init__(self, data: ZooData, config: KGATConfig, seed: int = 0) -> None:
        super().__init__(data, config, seed)
        self.num_nodes, self.num_read = data.num_users + data.num_entities, data.num_users + data.num_items
        self.num_relations = 2 * len(data.relations) + 2
        kg = data.both_ways() + np.array([data.num_users, 0, data.num_users])
        pairs = np.stack([data.users, np.full_like(data.users, self.num_relations - 2), data.items + data.num_users], 1)
        back = pairs[:, ::-1] + np.array([0, 1, 0])
        edges = np.concatenate([kg, pairs, back])
        edges = edges[np.argsort(edges[:, 1], kind="stable")]
        self.register_buffer("edges", torch.from_numpy(edges), persistent=False)
        self.counts = np.bincount(edges[:, 1], minlength=self.num_relations).tolist()

        # Parallel edges of several relations share a place of the adjacency: their attention adds up there.
        cells, place = np.unique(edges[:, 0] * self.num_nodes + edges[:, 2], return_inverse=True)
        self.register_buffer("place", torch.from_numpy(place), persistent=False)
        self.num_cells = len(cells)
        entries = np.ones(len(cells), dtype=np.float32), np.divmod(cells, self.num_nodes)
        whole = sp.csr_array(entries, shape=(self.num_nodes, self.num_nodes))
        # Of the last layer only users and items are read, the first rows.
        rows = [self.num_nodes] * (len(config.layers) - 1) + [self.num_read]
        self.gathers = nn.ModuleList(ConstantProduct(sp.csr_array(whole[:n])) for n in rows)

        self.embedding = xavier(self.num_nodes, config.dim)
        self.relation = xavier(self.num_relations, config.relation_dim)
        self.project = nn.ParameterList(xavier(config.dim, config.relation_dim) for _ in self.counts)
        widths = list(zip((config.dim, *config.layers), config.layers))
        self.sums = nn.ModuleList(nn.Linear(*width) for width in widths)
        self.products = nn.ModuleList(nn.Linear(*width) for width in widths)
        self.dropout = nn.Dropout(config.dropout)
        self.begin_epoch(0)

    @torch.no_grad()
    def begin_epoch(self, epoch: int) -> None:
        """Renews the attention."""
        logits = []
        for relation, part in enumerate(torch.split(self.edges, self.counts)):
            nodes, ends = torch.unique(part[:, [0, 2]], return_inverse=True)
            projected = self.embedding[nodes] @ self.project[relation]
            turned = torch.tanh(projected + self.relation[relation])
            head, tail = ends.T.contiguous()
            logits.append((projected.index_select(0, tail) * turned.index_select(0, head)).sum(1))
        attention = softmax(torch.cat(logits), self.edges[:, 0], num_nodes=self.num_nodes)
        values = attention.new_zeros(self.num_cells).index_add_(0, self.place, attention)
        for gather in self.gathers:
            assert isinstance(gather, ConstantProduct)
            gather.replace(values[: len(gather.mirror)])

    def forward(self) -> tuple[Tensor, Tensor]:
        nodes, read = self.embedding, [self.embedding[: self.num_read]]
        for gather, plus, times in zip(self.gathers, self.sums, self.products):
            around = gather(nodes)
            own = nodes[: len(around)]
            nodes = self.dropout(F.leaky_relu(plus(own + around)) + F.leaky_relu(times(own * around)))
            read.append(F.normalize(nodes[: self.num_read]))
        users, items = torch.split(torch.cat(read, dim=1), [self.data.num_users, self.data.num_items])
        return users, items

    def batches(self, epoch: int) -> Iterator[PairBatch | TripleBatch]:
        yield from self.pair_batches(epoch)
        rng = np.random.default_rng((self.seed, epoch))
        for batch in batches(len(self.edges), self.config.kg_batch_size, self.seed, epoch):
            head, relation, tail = self.edges[torch.from_numpy(np.sort(batch)).to(self.device)].T.contiguous()
            other = torch.from_numpy(rng.integers(self.num_nodes, size=len(batch))).to(self.device)
            yield TripleBatch(head, relation, tail, other)

    def loss(self, batch: PairBatch | TripleBatch) -> Tensor:
        if isinstance(batch, PairBatch):
            return super().loss(batch)
        head, tail, other = (self.embedding.index_select(0, end) for end in (batch.head, batch.tail, batch.other))
        counts = torch.bincount(batch.relation, minlength=self.num_relations).tolist()
        differences = zip(
            torch.split(head - tail, counts), torch.split(head - other, counts), self.project, self.relation
        )
        margins = [((far @ w + r).square() - (near @ w + r).square()).sum(1) for near, far, w, r in differences]
        norms = torch.cat([head, tail, other]).square().sum() / (2 * len(head))
        total: Tensor = F.softplus(-torch.cat(margins)).mean() + self.config.l2 * norms
        return total

    def embeddings(self) -> tuple[Tensor, Tensor]:
        users, items = torch.split(self.embedding[: self.num_read], [self.data.num_users, self.data.num_items])
        return users, items

    def scorer(self) -> ZooScorer:
        self.begin_epoch(0)
        return super().scorer()
