"""What is known of items besides who holds them.  No fold changes it, so it is worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.links import Links
from kgrec.flow.vectors import Whitening, nearest_neighbours, whiten

DIM = 128
"""Components kept of a text vector or an embedding where such are compared."""
LINK_DIM = 256
"""Singular vectors kept of the matrix of links."""
TEXT_WEIGHT = 2.0
"""Of a text vector beside the links in what content foretells; chosen on the validation part of unseen items."""
CHAINED = 50
"""Neighbours of an item in :attr:`ItemContent.alike`."""
OVERSAMPLED, ITERATIONS = 10, 4
"""Of the singular vectors where there are many items: more of them than are kept, products with the matrix."""
ROWS = 100_000
"""Items of which something wide is held at a time."""


@dataclass(frozen=True, eq=False)
class ItemContent:
    """Links, texts, embeddings of all items.

    Attributes:
        links: None where no two items are linked to the same node.
        text: float32 ``[items, dim]``, zero rows where an item has no text; None without any.
        embedding: likewise, of the knowledge graph.
        neighbours: kept of an item where similar items are asked for.
        max_dense: up to so many items every pair is compared; beyond, neighbours are searched for
            (:mod:`kgrec.flow.near`).
        axes: :attr:`link_axes`, where they are known already.
    """

    links: Links | None
    text: NDArray[np.float32] | None
    embedding: NDArray[np.float32] | None
    neighbours: int = 100
    max_dense: int = 20_000
    axes: NDArray[np.float32] | None = None

    @property
    def searched(self) -> bool:
        """Whether there are too many items for comparing every pair."""
        return self._items > self.max_dense

    def _nearest(self, rows: NDArray[np.float32] | sp.csr_array, k: int) -> sp.csr_array:
        if not self.searched:
            return nearest_neighbours(rows, k)
        # compiled code and a library that only fitting needs
        from kgrec.flow.near import near_by_cells, near_by_index

        return near_by_cells(rows, k) if isinstance(rows, np.ndarray) else near_by_index(rows, k)

    @cached_property
    def link_rows(self) -> sp.csr_array | None:
        """idf-weighted links that items share, rows of unit length: float32 CSR ``[items, links]``."""
        return None if self.links is None else self.links.weighted(self.links.shared)

    @cached_property
    def near_by_links(self) -> sp.csr_array:
        """Cosines of :attr:`link_rows`: float32 CSR ``[items, items]``."""
        assert self.link_rows is not None
        return self._nearest(self.link_rows, self.neighbours)

    @cached_property
    def text_whitening(self) -> Whitening | None:
        """What whitens text vectors."""
        return None if self.text is None else Whitening.of(self.text, DIM)

    @cached_property
    def white_text(self) -> NDArray[np.float32] | None:
        """Whitened text vectors, float32 ``[items, up to 128]``."""
        return None if self.text is None or self.text_whitening is None else self.text_whitening.apply(self.text)

    @cached_property
    def near_by_text(self) -> sp.csr_array:
        """Cosines of :attr:`white_text`: float32 CSR ``[items, items]``."""
        assert self.white_text is not None
        return self._nearest(self.white_text, self.neighbours)

    @cached_property
    def near_by_embedding(self) -> sp.csr_array:
        """Cosines of the whitened embeddings: float32 CSR ``[items, items]``."""
        assert self.embedding is not None
        return self._nearest(whiten(self.embedding, DIM), self.neighbours)

    @property
    def alike_by(self) -> dict[str, sp.csr_array]:
        """``links``, ``text``: where there are some, cosines of the nearest items, float32 CSR ``[items, items]``."""
        if self.searched and self.neighbours >= CHAINED:
            # quickly made, and not kept: of many items there would be much to hold
            from kgrec.flow.topm import top_of_rows

            near = {"links": lambda: self.near_by_links, "text": lambda: self.near_by_text}
            return {name: top_of_rows(near[name](), CHAINED) for name in self._rows}
        return self._alike_by

    @cached_property
    def _alike_by(self) -> dict[str, sp.csr_array]:
        return {name: self._nearest(one, CHAINED) for name, one in self._rows.items()}

    @property
    def _rows(self) -> dict[str, NDArray[np.float32] | sp.csr_array]:
        rows = {"links": self.link_rows, "text": self.white_text}
        return {name: one for name, one in rows.items() if one is not None}

    @cached_property
    def alike(self) -> sp.csr_array | None:
        """``S``: the nearest items by links plus the nearest by text, float32 CSR ``[items, items]``."""
        parts = list(self.alike_by.values())
        return sp.csr_array(sum(parts[1:], parts[0])).astype(np.float32) if parts else None

    @cached_property
    def link_axes(self) -> NDArray[np.float32] | None:
        """Leading right singular vectors of :attr:`link_rows`: float32 ``[links, up to 256]``; None where the matrix is
        too small to have any."""
        if self.axes is not None or self.link_rows is None:
            return self.axes
        used = np.flatnonzero(np.bincount(self.link_rows.indices, minlength=self.link_rows.shape[1]))
        rows = self.link_rows[:, used].astype(np.float64)
        k = min(LINK_DIM, min(rows.shape) - 1)
        if k <= 0:
            return None
        size, axes = _leading(rows, k, exact=not self.searched)
        found = np.zeros((self.link_rows.shape[1], k), dtype=np.float32)
        found[used] = axes[np.argsort(-size)].T
        return found

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """Text vectors, not whitened, beside the leading singular vectors of the links: float32 ``[items, d]``; zero
        rows for items of which nothing is known."""
        return self.stacked(self.text, self.link_rows)

    def stacked(self, text: NDArray[np.float32] | None, link_rows: sp.csr_array | None) -> NDArray[np.float32]:
        """Text and links of n items, weighted as here, in the space of :attr:`vectors`: float32 ``[n, d]``."""
        axes = None if link_rows is None else self.link_axes
        width = 0 if text is None else text.shape[1]
        items = self._items if link_rows is None else link_rows.shape[0]
        found = np.empty((items, width + (0 if axes is None else axes.shape[1])), dtype=np.float32)
        if text is not None:
            np.multiply(text, np.float32(TEXT_WEIGHT), out=found[:, :width])
        if link_rows is not None and axes is not None:
            for start in range(0, items, ROWS):
                found[start : start + ROWS, width:] = link_rows[start : start + ROWS] @ axes
        return found

    @property
    def _items(self) -> int:
        for one in (self.text, self.embedding):
            if one is not None:
                return len(one)
        return 0 if self.links is None else int(self.links.matrix.shape[0])


def _leading(rows: sp.csr_array, k: int, exact: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Singular values ``[k]`` and right singular vectors ``[k, columns]``, the leading ones."""
    # imported here, as serving would pay for it for nothing
    from scipy.sparse.linalg import svds

    if exact:
        _, size, axes = svds(rows, k=k, v0=np.ones(min(rows.shape)))
        return np.asarray(size, dtype=np.float64), np.asarray(axes, dtype=np.float64)
    return _leading_by_subspace(rows.astype(np.float32), k)


def _leading_by_subspace(rows: sp.csr_array, k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same by subspace iteration: a randomised method that holds columns times k numbers, never rows times k.

    Halko, Martinsson and Tropp, Finding structure with randomness, SIAM Review 53(2), 2011, algorithm 4.4 with ``AᵀA``.
    """
    width = min(k + OVERSAMPLED, *rows.shape)
    image = np.random.default_rng(0).normal(size=(rows.shape[1], width)).astype(np.float32)
    for _ in range(ITERATIONS):
        basis, _ = np.linalg.qr(image)
        image, gram = np.zeros_like(basis), np.zeros((width, width))
        for start in range(0, rows.shape[0], ROWS):
            block = rows[start : start + ROWS]
            product = block @ basis
            gram += product.T @ product
            image += block.T @ product
    values, turn = np.linalg.eigh(gram)
    axes = basis @ turn[:, ::-1][:, :k].astype(np.float32)
    return np.sqrt(np.maximum(values[::-1][:k], 0.0)), np.asarray(axes.T, dtype=np.float64)
