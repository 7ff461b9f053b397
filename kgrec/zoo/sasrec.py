"""SASRec: Kang and McAuley, Self-attentive sequential recommendation, ICDM 2018, arXiv 1808.09781."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.config.space import OneOf, Real, Space
from kgrec.zoo.base import ZooConfig, ZooModel
from kgrec.zoo.data import ZooData
from kgrec.zoo.sasrec_scorer import SASRecScorer
from kgrec.zoo.sequences import Sequences


class SASRecConfig(ZooConfig):
    """Attributes:
    length: items of a sequence that the model sees at most, the last ones.
    blocks: of attention and feed-forward; heads: of the attention, ``dim`` is a multiple of it.
    dropout: of the input, the attention and every sub-layer's output.
    batch_size: targets a step, about.
    """

    space: ClassVar[Space] = {
        "dim": OneOf((32, 64, 128)),
        "length": OneOf((20, 50, 100, 200)),
        "blocks": OneOf((1, 2, 3)),
        "dropout": Real(0.0, 0.6),
        "learning_rate": Real(3e-4, 1e-2, log=True),
        "l2": Real(1e-6, 1e-2, log=True),
    }

    length: int = Field(default=50, ge=2)
    blocks: int = Field(default=2, ge=1)
    heads: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.4, ge=0, lt=1)
    learning_rate: float = Field(default=3e-3, gt=0)
    epochs: int = Field(default=70, ge=1)
    patience: int = Field(default=10, ge=1)
    batch_size: int = Field(default=512, ge=1)
    l2: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _divisible(self) -> SASRecConfig:
        if self.dim % self.heads:
            raise ValueError(f"dim must be a multiple of heads (got {self.dim} and {self.heads})")
        return self


class Windows(NamedTuple):
    """Sequences' pieces: ids ``[b, t]`` and what follows each ``[b, t]``, -1 where a piece has ended."""

    ids: Tensor
    following: Tensor


class SASRec(ZooModel):
    """Causal self-attention over a user's items in time; the score of what comes next is ``<h_t, e_i> + b_i``.

    Blocks with the normalisation before each sub-layer (section 3.2); ``e`` is shared by input and output (3.4); a
    start vector stands before every sequence, so that a first item can be told and an empty history be scored.  The
    loss is the cross-entropy over *all* items at every place, which repairs the overconfidence of the paper's single
    negative (Klenitskiy and Vasilev, Turning dross into gold loss, RecSys 2023, arXiv 2309.07602).  An epoch takes one
    random piece of every user's sequence: users count alike, as they do in the metrics.  Reads no knowledge graph.
    """

    name: ClassVar[str] = "SASRec"
    Config: ClassVar[type[ZooConfig]] = SASRecConfig

    def __init__(self, data: ZooData, config: SASRecConfig, seed: int = 0) -> None:
        super().__init__(data, config, seed)
        self.sequences = Sequences.of_training(data.snapshot)
        self.start = data.num_items
        self.item = nn.Parameter(torch.randn(data.num_items + 1, config.dim) * 0.02)
        self.position = nn.Parameter(torch.randn(config.length, config.dim) * 0.02)
        self.bias = nn.Parameter(torch.zeros(data.num_items))
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.dim, config.heads, 4 * config.dim, config.dropout, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(config.blocks)
        )
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, ids: Tensor) -> Tensor:  # type: ignore[override]
        """ids ``[b, t]`` → vectors ``[b, t, d]`` that see no later place."""
        t = ids.shape[1]
        x = self.item.index_select(0, ids.flatten()).view(*ids.shape, -1) + self.position[:t]
        x = self.dropout(x)
        future = nn.Transformer.generate_square_subsequent_mask(t, device=ids.device)
        for block in self.blocks:
            x = block(x, src_mask=future, is_causal=True)
        encoded: Tensor = self.norm(x)
        return encoded

    def batches(self, epoch: int) -> Iterator[Windows]:
        rng = np.random.default_rng([self.seed, epoch])
        pieces = []
        for user in np.flatnonzero(np.diff(self.sequences.start)):
            whole = np.concatenate([[self.start], self.sequences.of(int(user))])
            first = rng.integers(max(1, len(whole) - self.config.length))
            pieces.append(whole[first : first + self.config.length + 1])
        # Neighbours in length share a batch, so that little is padded; batches come in random order.
        jittered = np.array([len(piece) for piece in pieces]) * rng.uniform(0.8, 1.25, len(pieces))
        order = np.argsort(jittered, kind="stable")
        targets = np.cumsum([len(pieces[n]) - 1 for n in order])
        groups = np.split(order, np.flatnonzero(np.diff((targets - 1) // self.config.batch_size)) + 1)
        for number in rng.permutation(len(groups)):
            chosen = [pieces[n] for n in groups[number]]
            table = np.full((len(chosen), max(len(piece) for piece in chosen)), -1)
            for row, piece in enumerate(chosen):
                table[row, : len(piece)] = piece
            ids, following = np.where(table < 0, self.start, table)[:, :-1], table[:, 1:]
            yield Windows(*(torch.tensor(part, device=self.device) for part in (ids, following)))

    def loss(self, batch: Windows) -> Tensor:
        places = (batch.following >= 0).flatten().nonzero().squeeze(1)
        vectors = self(batch.ids).flatten(0, 1).index_select(0, places)
        logits = vectors @ self.item[: self.start].T + self.bias
        target = batch.following.flatten().index_select(0, places)
        total: Tensor = F.cross_entropy(logits, target)
        if self.config.l2:
            total = total + self.config.l2 * self.item.square().sum() / 2
        return total

    @torch.no_grad()
    def scorer(self) -> SASRecScorer:
        weights = {name: part.float().cpu().numpy().copy() for name, part in self.state_dict().items()}
        return SASRecScorer(self.name, weights, self.config.heads, self.sequences)
