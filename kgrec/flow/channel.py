"""A channel: a typed flow from items to items, kept as the factors of its matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Factor = NDArray[np.float32] | sp.csr_array
DENSE = 0.05
Kind = Literal["literal", "learned", "content"]


@dataclass(frozen=True, eq=False)
class Channel:
    """``W`` of shape ``[items, items]`` as a product of factors; ``score(u) = h_u W`` for a history ``h_u``.

    Attributes:
        name: unique in a model, ``family`` or ``family:detail``.
        kind: ``literal``: every weight is a sum over edges that exist; ``content``: similar texts or vectors;
            ``learned``: anything else.
        knowledge: its weights are sums over paths through edges of the knowledge graph, nothing else.
        factors: CSR or float32 matrices; the product of their shapes is ``[len(sources), len(targets)]``.
        sources: the items that the first factor's rows stand for, increasing; None for all.
        targets: the items that the last factor's columns stand for, increasing; None for all.
    """

    name: str
    kind: Kind
    factors: tuple[Factor, ...]
    sources: NDArray[np.int64] | None = None
    targets: NDArray[np.int64] | None = None
    knowledge: bool = False

    @property
    def family(self) -> str:
        """Name of the builder that made it."""
        return self.name.split(":", 1)[0]

    def apply(self, histories: sp.csr_array) -> NDArray[np.float32]:
        """``H W``: float32 ``[batch, items]`` for histories of shape ``[batch, items]``, weighted or not."""
        flow: Any = select(histories, self.sources)
        for factor in self.factors:
            flow = flow @ factor
            # past this many entries a product of sparse matrices costs more than one with a dense one
            if sp.issparse(flow) and flow.nnz > DENSE * flow.shape[0] * flow.shape[1]:
                flow = flow.toarray()
        if sp.issparse(flow):
            flow = flow.toarray()
        if self.targets is None:
            return np.asarray(flow, dtype=np.float32)
        scores = np.zeros(histories.shape, dtype=np.float32)
        scores[:, self.targets] = flow
        return scores

    def weights(self, sources: NDArray[np.int64], target: int) -> NDArray[np.float32]:
        """``W[j, target]`` for some items j: float32 ``[len(sources)]``."""
        num_items = self.num_items
        column: Any = sp.csc_array((np.ones(1, dtype=np.float32), ([target], [0])), shape=(num_items, 1)).toarray()
        if self.targets is not None:
            column = column[self.targets]
        for factor in reversed(self.factors[1:]):
            column = factor @ column
        one = sp.csr_array(
            (np.ones(len(sources), dtype=np.float32), sources, np.arange(len(sources) + 1)),
            shape=(len(sources), num_items),
        )
        return np.asarray(select(one, self.sources) @ (self.factors[0] @ column), dtype=np.float32).ravel()

    @property
    def num_items(self) -> int:
        """Unknown where both sides are restricted: then one past the largest id will do."""
        if self.sources is None:
            return int(self.factors[0].shape[0])
        if self.targets is None:
            return int(self.factors[-1].shape[1])
        return int(max(self.sources.max(initial=-1), self.targets.max(initial=-1))) + 1


def select(histories: sp.csr_array, columns: NDArray[np.int64] | None) -> sp.csr_array:
    """Some columns of a CSR matrix; much faster than indexing where a batch is small."""
    if columns is None:
        return histories
    position = np.full(histories.shape[1], -1, dtype=np.int64)
    position[columns] = np.arange(len(columns))
    where = position[histories.indices]
    kept = where >= 0
    indptr = np.concatenate([[0], np.cumsum(kept)])[histories.indptr]
    return sp.csr_array((histories.data[kept], where[kept], indptr), shape=(histories.shape[0], len(columns)))
