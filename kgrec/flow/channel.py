"""A channel: a typed flow from items to items, kept as the factors of its matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Factor = NDArray[np.float32] | sp.csr_array
DENSE = 0.05
FEW = 0.05
"""Share of a sparse matrix's rows up to which they are picked one by one."""
SOME = 0.25
"""Share of a dense matrix's rows up to which they are."""
RUNS = 100
"""Stretches of targets up to which they are taken one after the other."""
Kind = Literal["literal", "learned", "content"]


@dataclass(frozen=True, eq=False)
class Channel:
    """``W`` of shape ``[items, items]`` as a product of factors; ``score(u) = h_u W`` for a history ``h_u``.

    Attributes:
        name: unique in a model, ``family`` or ``family:detail``.
        kind: ``literal``: every weight is a sum over edges that exist; ``content``: similar texts or vectors;
            ``learned``: anything else.
        knowledge: its weights are sums over paths through edges of the knowledge graph, nothing else.
        factors: float32 CSR or C-contiguous matrices; the product of their shapes is ``[len(sources), len(targets)]``.
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

    def apply(self, histories: sp.csr_array, width: int | None = None) -> NDArray[np.float32]:
        """``H W``: float32 ``[batch, items]`` for histories of shape ``[batch, items]``, weighted or not.

        Args:
            histories: CSR.
            width: columns of ``W``, where they are other than its rows.
        """
        flow = self.flow(histories)
        if self.targets is None:
            return flow
        scores = np.zeros((histories.shape[0], histories.shape[1] if width is None else width), dtype=np.float32)
        scores[:, self.targets] = flow
        return scores

    def flow(self, histories: sp.csr_array) -> NDArray[np.float32]:
        """The columns of :meth:`apply` that can be other than zero: float32 ``[batch, len(targets)]``."""
        if histories.shape[0] == 1:
            return self._flow_of_one(histories)
        flow: Any = histories
        if self.sources is not None:
            row = self._rows(histories.indices)
            indptr = np.concatenate([[0], np.cumsum(row >= 0)])[histories.indptr]
            data, shape = histories.data[row >= 0], (histories.shape[0], len(self.sources))
            flow = sp.csr_array((data, row[row >= 0], indptr), shape=shape)
        for factor in self.factors:
            if isinstance(flow, np.ndarray) and isinstance(factor, np.ndarray):
                # a few histories meet few of many links, and the rest of the factor need not be read
                met = np.flatnonzero(flow.any(axis=0))
                few = len(met) < SOME * len(factor)
                flow = flow[:, met] @ factor[met] if few else flow @ factor
                continue
            flow = flow @ factor
            # past this many entries a product of sparse matrices costs more than one with a dense one
            if not isinstance(flow, np.ndarray) and flow.nnz > DENSE * flow.shape[0] * flow.shape[1]:
                flow = flow.toarray()
        if not isinstance(flow, np.ndarray):
            flow = flow.toarray()
        return np.asarray(flow, dtype=np.float32)

    def spread(self, flow: NDArray[np.float32], total: NDArray[np.float32]) -> None:
        """Adds what :meth:`flow` gives, or a part of each row's, to scores of all items.

        Args:
            flow: ``[batch, len(targets)]``.
            total: ``[batch, items]``, changed in place.
        """
        if self.targets is None:
            total += flow
        elif len(self._runs) > RUNS:
            total[:, self.targets] += flow
        else:
            for first, last, start in self._runs:
                total[:, start : start + last - first] += flow[:, first:last]

    @cached_property
    def _runs(self) -> list[tuple[int, int, int]]:
        """Targets that follow one another: first place, one past the last, id of the first item.  Most items are
        targets of a learned channel, and picking them one by one takes several times longer."""
        assert self.targets is not None
        starts = np.flatnonzero(np.diff(self.targets, prepend=-2) != 1)
        ends = np.append(starts[1:], len(self.targets))
        return list(zip(starts.tolist(), ends.tolist(), self.targets[starts].tolist(), strict=True))

    def _flow_of_one(self, history: sp.csr_array) -> NDArray[np.float32]:
        """One history: only the rows of what it holds are read, and no sparse matrix is made, which would take longer
        than the product itself."""
        place = self._rows(history.indices)
        place, value = place[place >= 0], history.data[place >= 0]
        for number, factor in enumerate(self.factors):
            if isinstance(factor, np.ndarray):
                row = value @ (factor if number and len(place) == len(factor) else factor[place])
            elif len(place) > FEW * factor.shape[0]:
                whole = np.zeros(factor.shape[0], dtype=np.float32)
                whole[place] = value
                row = factor.T @ whole
            else:
                start, size = factor.indptr[place], factor.indptr[place + 1] - factor.indptr[place]
                first = np.cumsum(size) - size
                entry = np.arange(int(size.sum())) + np.repeat(start - first, size)
                weight = np.repeat(value, size) * factor.data[entry]
                row = np.bincount(factor.indices[entry], weight, minlength=factor.shape[1])
            place = np.flatnonzero(row)
            value = row[place].astype(np.float32)
        return np.asarray(row, dtype=np.float32)[None]

    def _rows(self, items: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
        """Row of the first factor that stands for each item, -1 where none does."""
        if self.sources is None:
            return items
        place = self._source_place
        return np.where(items < len(place), place[np.minimum(items, len(place) - 1)], -1)

    @cached_property
    def _source_place(self) -> NDArray[np.int64]:
        """Item → row of the first factor, -1 where it has none; up to the last item that has one."""
        assert self.sources is not None
        place = np.full(int(self.sources.max(initial=0)) + 1, -1, dtype=np.int64)
        place[self.sources] = np.arange(len(self.sources))
        return place

    @cached_property
    def last_by_column(self) -> sp.csc_array:
        """The last factor, a sparse one, for reading single columns."""
        return sp.csc_array(self.factors[-1])

    @cached_property
    def last_turned(self) -> sp.csr_array:
        """The last factor, a sparse one, transposed: rows are its columns."""
        return sp.csr_array(self.factors[-1].T)

    def weights(self, sources: NDArray[np.int64], target: int) -> NDArray[np.float32]:
        """``W[j, target]`` for some items j: float32 ``[len(sources)]``; only the rows of these items are read."""
        found = np.zeros(len(sources), dtype=np.float32)
        at = int(positions(self.targets, np.array([target]))[0])
        rows = positions(self.sources, np.asarray(sources))
        kept = rows >= 0
        if at < 0 or not kept.any():
            return found
        flow: Any = self.factors[0][rows[kept]]
        if len(self.factors) > 1:
            column: Any = np.zeros((self.factors[-1].shape[1], 1), dtype=np.float32)
            column[at] = 1.0
            for factor in reversed(self.factors[1:]):
                column = factor @ column
            flow, at = flow @ column, 0
        flow = flow[:, [at]]
        found[kept] = (flow if isinstance(flow, np.ndarray) else flow.toarray()).ravel()
        return found


def positions(ids: NDArray[np.int64] | None, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place of each wanted id among the increasing ids, -1 where it is not; None stands for all ids."""
    if ids is None:
        return wanted
    if not len(ids):
        return np.full(len(wanted), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[place] == wanted, place, -1)
