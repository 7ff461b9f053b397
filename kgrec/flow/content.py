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


@dataclass(frozen=True, eq=False)
class ItemContent:
    """Links, texts, embeddings of all items.

    Attributes:
        links: None where no two items are linked to the same node.
        text: float32 ``[items, dim]``, zero rows where an item has no text; None without any.
        embedding: likewise, of the knowledge graph.
        neighbours: kept of an item where similar items are asked for.
    """

    links: Links | None
    text: NDArray[np.float32] | None
    embedding: NDArray[np.float32] | None
    neighbours: int = 100

    @cached_property
    def link_rows(self) -> sp.csr_array | None:
        """idf-weighted links that items share, rows of unit length: float32 CSR ``[items, links]``."""
        return None if self.links is None else self.links.weighted(self.links.shared)

    @cached_property
    def near_by_links(self) -> sp.csr_array:
        """Cosines of :attr:`link_rows`: float32 CSR ``[items, items]``."""
        assert self.link_rows is not None
        return nearest_neighbours(self.link_rows, self.neighbours)

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
        return nearest_neighbours(self.white_text, self.neighbours)

    @cached_property
    def near_by_embedding(self) -> sp.csr_array:
        """Cosines of the whitened embeddings: float32 CSR ``[items, items]``."""
        assert self.embedding is not None
        return nearest_neighbours(whiten(self.embedding, DIM), self.neighbours)

    @cached_property
    def alike_by(self) -> dict[str, sp.csr_array]:
        """``links``, ``text``: where there are some, cosines of the nearest items, float32 CSR ``[items, items]``."""
        rows = {"links": self.link_rows, "text": self.white_text}
        return {name: nearest_neighbours(one, CHAINED) for name, one in rows.items() if one is not None}

    @cached_property
    def alike(self) -> sp.csr_array | None:
        """``S``: the nearest items by links plus the nearest by text, float32 CSR ``[items, items]``."""
        parts = list(self.alike_by.values())
        return sp.csr_array(sum(parts[1:], parts[0])).astype(np.float32) if parts else None

    @cached_property
    def link_axes(self) -> NDArray[np.float32] | None:
        """Leading right singular vectors of :attr:`link_rows`: float32 ``[links, up to 256]``; None where the matrix is
        too small to have any."""
        # takes a tenth of a second to import, which serving would pay for nothing
        from scipy.sparse.linalg import svds

        if self.link_rows is None:
            return None
        used = np.flatnonzero(np.bincount(self.link_rows.indices, minlength=self.link_rows.shape[1]))
        rows = self.link_rows[:, used].astype(np.float64)
        k = min(LINK_DIM, min(rows.shape) - 1)
        if k <= 0:
            return None
        _, size, axes = svds(rows, k=k, v0=np.ones(min(rows.shape)))
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
        parts = [] if text is None else [text * np.float32(TEXT_WEIGHT)]
        if link_rows is not None and self.link_axes is not None:
            parts.append(np.asarray(link_rows @ self.link_axes, dtype=np.float32))
        items = self._items if link_rows is None else link_rows.shape[0]
        return np.concatenate(parts, axis=1) if parts else np.zeros((items, 0), dtype=np.float32)

    @property
    def _items(self) -> int:
        for one in (self.text, self.embedding):
            if one is not None:
                return len(one)
        return 0
