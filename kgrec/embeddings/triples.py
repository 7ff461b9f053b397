"""Triples of the knowledge graph as PyKEEN wants them: distinct, densely numbered, some held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Triples = NDArray[np.int64]
"""Shape ``[n, 3]``: head, relation, tail."""


@dataclass(frozen=True)
class Parts:
    """Disjoint parts of one set of triples; every entity and relation occurs in ``train``."""

    train: Triples
    valid: Triples
    test: Triples


def dense(triples: Triples) -> tuple[Triples, NDArray[np.int64], NDArray[np.int64]]:
    """Distinct triples, sorted, whose ids count the entities and relations in use.

    Users and other nodes without a triple would only be noise among the negatives and make ranks look better.

    Args:
        triples: any ids, shape ``[n, 3]``.

    Returns:
        The triples with new ids, and the old ids of entities and relations by their new ones.
    """
    distinct = np.unique(triples.reshape(-1, 3), axis=0)
    entities, ends = np.unique(distinct[:, [0, 2]], return_inverse=True)
    relations, middle = np.unique(distinct[:, 1], return_inverse=True)
    ends = ends.reshape(-1, 2)
    return np.stack([ends[:, 0], middle.reshape(-1), ends[:, 1]], axis=1).astype(np.int64), entities, relations


def split(triples: Triples, valid: float, test: float, rng: np.random.Generator) -> Parts:
    """Holds random triples out, but never an entity's or a relation's only one.

    In a random order the first triple in which a head, a relation or a tail turns up stays in training; the held-out
    parts are taken from the others and are smaller than asked for where there are not enough.

    Args:
        triples: distinct, shape ``[n, 3]``.
        valid, test: shares.
        rng: source of the order.
    """
    order = triples[rng.permutation(len(triples))]
    free = np.ones(len(order), dtype=np.bool_)
    flat = order[:, [0, 2]].reshape(-1)
    free[np.unique(flat, return_index=True)[1] // 2] = False
    free[np.unique(order[:, 1], return_index=True)[1]] = False
    candidates = np.flatnonzero(free)
    wanted = [round(share * len(order)) for share in (valid, test)]
    if sum(wanted) > len(candidates):
        wanted = [count * len(candidates) // sum(wanted) for count in wanted]
    for_valid, for_test = np.split(candidates[: sum(wanted)], [wanted[0]])
    train = np.setdiff1d(np.arange(len(order)), candidates[: sum(wanted)])
    return Parts(order[train], order[for_valid], order[for_test])


def contains(known: Triples, asked: Triples) -> NDArray[np.bool_]:
    """Which of the asked triples are known: bool, shape ``[len(asked)]``.

    Args:
        known: shape ``[n, 3]``, ids from 0.
        asked: shape ``[m, 3]``, ids from 0.
    """
    size = 1 + max(known.max(initial=0), asked.max(initial=0))
    relations = 1 + max(known[:, 1].max(initial=0), asked[:, 1].max(initial=0))
    if int(size) ** 2 * int(relations) >= 2**63:
        raise ValueError(f"{size:,} entities with {relations:,} relations: too many for 64-bit codes of triples")

    def code(part: Triples) -> NDArray[np.int64]:
        codes: NDArray[np.int64] = (part[:, 0] * relations + part[:, 1]) * size + part[:, 2]
        return codes

    return np.isin(code(asked), code(known))
