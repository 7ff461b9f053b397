"""NDCG@10 on the validation part, all items ranked."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from kgrec.dataset.snapshot import Snapshot
from kgrec.metrics import find_hits, ndcg

K = 10
CELLS = 4_000_000


class Validation:
    """Ranks, for every user with validation interactions, the items of the train and validation parts.

    The user's training items are masked.  Items that occur in the test part only are no candidates: nothing of the test
    part is read.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        held = snapshot.matrix("valid")
        self.users = np.flatnonzero(np.diff(held.indptr))
        self.relevant: sp.csr_array = held[self.users]
        self.seen: sp.csr_array = snapshot.matrix("train")[self.users]
        known = np.zeros(snapshot.num_items, dtype=bool)
        known[snapshot.pairs("train", "valid")["item"].to_numpy()] = True
        self.candidates = np.flatnonzero(known)

    def __bool__(self) -> bool:
        return len(self.users) > 0

    def ndcg(self, users: Tensor, items: Tensor) -> float:
        """Mean NDCG@10 from vectors of users ``[num_users, d]`` and items ``[num_items, d]``."""
        wanted = torch.from_numpy(self.users).to(users.device)
        allowed = torch.from_numpy(self.candidates).to(users.device)
        columns, block = items[allowed], max(1, CELLS // len(self.candidates))
        top = []
        for start in range(0, len(self.users), block):
            part = slice(start, start + block)
            scores = users[wanted[part]] @ columns.T
            seen = torch.from_numpy(self.seen[part][:, self.candidates].toarray() > 0).to(users.device)
            top.append(scores.masked_fill_(seen, -torch.inf).topk(min(K, len(self.candidates)), dim=1).indices.cpu())
        lists = self.candidates[torch.cat(top).numpy()]
        return float(ndcg(find_hits(lists, self.relevant), np.diff(self.relevant.indptr), K).mean())
