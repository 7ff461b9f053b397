"""KGCN's scores in numpy: an item's vector depends on the user, all items are scored in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.zoo.scorers import ZooScorer, check_sizes, known_users

CELLS = 8_000_000
"""Numbers held at a time: 32 MB as float32."""


@dataclass(frozen=True, eq=False)
class KGCNScorer(ZooScorer):
    """``score(u, i) = <u, tanh(v_i + Σ_k π_k a_ik)>`` with ``π = softmax_k <u, r_ik>`` (see :mod:`kgrec.zoo.kgcn`).

    The vectors belong to users: one who was not in training scores zeros.

    Attributes:
        users: float32 ``[num_users, d]``.
        items: ``v_i``, transformed, float32 ``[num_items, d]``.
        relations: float32 ``[R, d]``.
        around: ``a_ik``, the neighbours' vectors, transformed, float32 ``[num_items, K, d]``.
        kinds: their relations, int64 ``[num_items, K]``.
        present: whether the item has a k-th neighbour, bool ``[num_items, K]``.
    """

    kind: ClassVar[str] = "kgcn"
    name: str
    users: NDArray[np.float32]
    items: NDArray[np.float32]
    relations: NDArray[np.float32]
    around: NDArray[np.float32]
    kinds: NDArray[np.int64]
    present: NDArray[np.bool_]

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        scores = np.zeros((histories.shape[0], len(self.items)), dtype=np.float32)
        known = known_users(users, len(self.users))
        if users is None or not known.size:
            return scores
        width = self.items.shape[1] + 2 * self.kinds.shape[1]
        items = min(len(self.items), max(1, CELLS // width))
        batch = max(1, CELLS // (width * items))
        for first in range(0, len(known), batch):
            rows = known[first : first + batch]
            for start in range(0, len(self.items), items):
                part = slice(start, start + items)
                scores[rows, part] = self._block(self.users[users[rows]], part)
        return scores

    def _block(self, users: NDArray[np.float32], part: slice) -> NDArray[np.float32]:
        """users ``[b, d]`` → scores of the part's items ``[b, m]``."""
        power = (users @ self.relations.T).T[self.kinds[part]]
        power[~self.present[part]] = -np.inf
        # An item without neighbours has no largest logit; zero leaves its weights zero.
        largest = power.max(axis=1, keepdims=True)
        largest[np.isneginf(largest)] = 0
        power = np.exp(power - largest)
        power /= np.maximum(power.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        vectors = np.matmul(power.transpose(0, 2, 1), self.around[part])
        vectors += self.items[part][:, None]
        np.tanh(vectors, out=vectors)
        return np.asarray(np.einsum("mbd,bd->bm", vectors, users))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "name"}

    @classmethod
    def restore(cls, name: str, arrays: Mapping[str, NDArray[np.generic]], snapshot: Snapshot) -> Self:
        check_sizes(snapshot, len(arrays["users"]), len(arrays["items"]))
        parts: dict[str, Any] = {field.name: arrays[field.name] for field in fields(cls) if field.name != "name"}
        return cls(name, **parts)
