"""Who is measured on what: full ranking of all candidates, what is known left out.

The test part is read with ``split="test"`` and nothing else; every choice is made on ``split="valid"``.

- A user is measured when at least one of their held-out items is a candidate.
- Scores come from the training history alone, at test time too.
- Left out of the ranking: training items at validation time; training and validation items at test time.
- Ties are broken by id (:func:`kgrec.recommend.top_k`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot, Split
from kgrec.errors import DataError
from kgrec.metrics import auc
from kgrec.recommend.blocks import blocks
from kgrec.recommend.scorer import Scorer
from kgrec.recommend.topk import top_k


@dataclass(frozen=True, eq=False)
class Protocol:
    """Everything that is the same for all recommenders of a table.

    Attributes:
        split: the held-out part.
        users: ids of those who are measured, int64 ``[n]``.
        histories: their training items, CSR ``[n, num_items]``.
        hidden: what is left out of their rankings, CSR ``[n, num_items]``.
        relevant: their held-out candidates, CSR ``[n, num_items]``.
        candidates: bool ``[num_items]``.
    """

    split: Split
    users: NDArray[np.int64]
    histories: sp.csr_array
    hidden: sp.csr_array
    relevant: sp.csr_array
    candidates: NDArray[np.bool_]

    @classmethod
    def of(cls, snapshot: Snapshot, split: Split, candidates: NDArray[np.bool_]) -> Protocol:
        """The protocol on a held-out part.

        Raises:
            DataError: nobody has a held-out candidate.
            ValueError: the part is the training part.
        """
        if split == "train":
            raise ValueError("expected a held-out part (got 'train')")
        relevant = snapshot.matrix(split)
        relevant.data *= candidates[relevant.indices]
        relevant.eliminate_zeros()
        users = np.flatnonzero(np.diff(relevant.indptr))
        if not users.size:
            raise DataError(
                f"the {split} part holds no interaction with a candidate item",
                remedy="hold some out: see [split] of the recipe",
            )
        train = snapshot.matrix("train")
        hidden = snapshot.matrix("train", "valid") if split == "test" else train
        return cls(split, users, train[users], hidden[users], relevant[users], candidates)

    def rank(
        self, scorer: Scorer, k: int, with_auc: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
        """Every user's best ``k``, int64 ``[n, k]`` with -1 where there are fewer, and AUC, float64 ``[n]``, if asked.

        AUC is over the candidates that are not left out; NaN for a user to whom nothing else could be ranked.
        """
        ids, areas = [], []
        for part in blocks(len(self.users), self.relevant.shape[1]):
            scores = scorer.score(self.histories[part], self.users[part])
            hidden = self.hidden[part]
            ids.append(top_k(scores, k, self.candidates, hidden)[0])
            if with_auc:
                allowed = self.candidates & (hidden.toarray() == 0)
                areas.append(auc(scores, self.relevant[part].toarray() > 0, allowed))
        return np.concatenate(ids), np.concatenate(areas) if with_auc else None
