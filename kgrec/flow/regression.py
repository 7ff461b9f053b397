"""What content foretells: ridge regressions of what items with interactions have learned on what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from kgrec.flow.part import Part

L2 = 5.0
"""Chosen on the validation part of unseen items."""
ROWS = 100_000
"""Items held in double precision at a time."""


def regress(
    features: NDArray[np.float32],
    known: NDArray[np.int64],
    values: NDArray[np.float32],
    wanted: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Features and values of the known items → values of others.

    Args:
        features: ``[items, d]``.
        known: item ids ``[n]``; values: ``[n, m]``.
        wanted: features of the others ``[w, d]``.

    Returns:
        float32 ``[w, m]``.
    """
    width = features.shape[1] + 1
    gram, product = np.zeros((width, width)), np.zeros((width, values.shape[1]))
    for start in range(0, len(known), ROWS):
        part = slice(start, start + ROWS)
        x = features[known[part]].astype(np.float64)
        x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
        gram += x.T @ x
        product += x.T @ values[part]
    gram[np.diag_indices_from(gram)] += L2
    solution = np.linalg.solve(gram, product)
    new = wanted.astype(np.float64)
    return np.asarray(np.concatenate([new, np.ones((len(new), 1))], axis=1) @ solution, dtype=np.float32)


def foretell(part: Part, wanted: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log popularity of items that nobody holds: float64 ``[w]`` for rows in the space of
    :attr:`~kgrec.flow.content.ItemContent.vectors`; 0 where nothing is known of an item."""
    seen = part.seen
    popularity = np.log1p(part.item_degree[seen])[:, None].astype(np.float32)
    found = regress(part.content.vectors, seen, popularity, wanted)[:, 0].astype(np.float64)
    return np.where(np.abs(wanted).sum(axis=1) > 0, found, 0.0)
