"""Inner folds: what is taken out of the training part so that gates are fitted on what channels have not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.part import Part

Kind = Literal["random", "last", "items"]
COLD = 0.5
"""Share of validation interactions with unseen items from which on folds hide whole items."""
HIDDEN_ITEMS = 0.1


@dataclass(frozen=True, eq=False)
class Fold:
    """A fold.

    Attributes:
        rest: what channels are built on.
        held_out: binary CSR ``[users, items]``.
    """

    rest: Part
    held_out: sp.csr_array


def kind_of(part: Part, valid: sp.csr_array, valid_times: NDArray[np.float64] | None) -> Kind:
    """How the validation part was taken out, so that folds are taken out alike.

    ``items``: most of its items are unseen in training; ``last``: it is later than training, for 9 users of 10;
    ``random`` otherwise, and where there is no validation part.

    Args:
        part: the training part.
        valid: validation interactions, binary CSR ``[users, items]``.
        valid_times: time of each of its entries; None where unknown.
    """
    if not valid.nnz:
        return "random"
    if (part.item_degree[valid.indices] == 0).mean() > COLD:
        return "items"
    if part.times is None or valid_times is None:
        return "random"
    users = np.repeat(np.arange(part.num_users), np.diff(valid.indptr))
    earliest = np.full(part.num_users, np.inf)
    np.minimum.at(earliest, users, valid_times)
    latest = np.zeros(part.num_users)
    np.maximum.at(latest, np.repeat(np.arange(part.num_users), np.diff(part.times.indptr)), part.times.data)
    both = np.isfinite(earliest) & (part.user_degree > 0)
    return "last" if both.any() and (earliest >= latest)[both].mean() > 0.9 else "random"


def make_folds(part: Part, kind: Kind, number: int, share: float, seed: int) -> list[Fold]:
    """Disjoint folds of ``share`` of every user's training items, at least one where a user has three.

    ``random``: any of them.  ``last``: the last ones by time; the second fold those before, with everything later left
    out altogether.  ``items``: random ones, and all interactions of a tenth of the items besides.
    """
    rng = np.random.default_rng(seed)
    train = part.train
    users = np.repeat(np.arange(part.num_users), np.diff(train.indptr))
    key = rng.random(train.nnz)
    if kind == "last":
        assert part.times is not None
        order = np.lexsort((key, -part.times.data, users))
    else:
        order = np.lexsort((key, users))
    place = np.empty(train.nnz, dtype=np.int64)
    place[order] = np.arange(train.nnz) - np.repeat(train.indptr[:-1], np.diff(train.indptr))
    degree = part.user_degree
    size = np.where(degree >= 3, np.maximum(1, np.round(share * degree)), 0).astype(np.int64)
    slots = np.maximum(1, degree.astype(np.int64) // np.maximum(size, 1) - 1)
    items = rng.permutation(part.seen)
    hide = max(1, round(HIDDEN_ITEMS * len(items)))
    folds = []
    for number_ in range(number):
        # a short history has no room for as many disjoint folds: it gives the same items twice
        begin = (number_ % slots) * size
        chosen = (place >= begin[users]) & (place < (begin + size)[users])
        dropped = (place < begin[users]) if kind == "last" else np.zeros(train.nnz, dtype=bool)
        if kind == "items":
            chosen |= np.isin(train.indices, items[number_ * hide : (number_ + 1) * hide])
        if chosen.any():
            rest = part.without(_pick(train, chosen | dropped))
            if rest.train.nnz:
                folds.append(Fold(rest, _pick(train, chosen)))
    return folds


def _pick(matrix: sp.csr_array, chosen: NDArray[np.bool_]) -> sp.csr_array:
    indptr = np.concatenate([[0], np.cumsum(chosen)])[matrix.indptr]
    return sp.csr_array((matrix.data[chosen], matrix.indices[chosen], indptr), shape=matrix.shape)
