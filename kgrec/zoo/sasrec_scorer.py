"""SASRec's scores in numpy: the transformer over the last items of a history."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import erf, softmax

from kgrec.dataset.snapshot import Snapshot
from kgrec.zoo.scorers import ZooScorer, check_sizes, known_users
from kgrec.zoo.sequences import Sequences

Floats = NDArray[np.float32]
CELLS = 8_000_000
"""Numbers held at a time in the attention: 32 MB as float32."""
EPSILON = 1e-5


@dataclass(frozen=True, eq=False)
class SASRecScorer(ZooScorer):
    """What follows a sequence.  A known user's history is read in the order of their training interactions, what is
    not among these last, by id; the histories of others have no known times and are read by id.

    Attributes:
        weights: the parameters of :class:`kgrec.zoo.sasrec.SASRec` by their names, float32: ``item [num_items + 1, d]``
            (the last row stands before every sequence), ``position [L, d]``, ``bias [num_items]``, ``norm.*`` and
            ``blocks.<n>.*`` as in :class:`torch.nn.TransformerEncoderLayer`.
        heads: of the attention.
        sequences: the training sequences.
    """

    kind: ClassVar[str] = "sasrec"
    reads_history: ClassVar[bool] = True
    name: str
    weights: dict[str, Floats]
    heads: int
    sequences: Sequences

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> Floats:
        items = len(self.weights["bias"])
        scores = np.empty((histories.shape[0], items), dtype=np.float32)
        length = len(self.weights["position"])
        # The start vector stands before every sequence, and leaves the view as the model's length is reached.
        ordered = [np.r_[items, row][-length:] for row in self._ordered(histories, users)]
        block = max(1, CELLS // (self.heads * max(map(len, ordered), default=1) ** 2))
        # Neighbours in length share a block, so that little is padded.
        by_length = sorted(range(len(ordered)), key=lambda n: len(ordered[n]))
        for start in range(0, len(by_length), block):
            rows = by_length[start : start + block]
            ends = np.array([len(ordered[n]) - 1 for n in rows])
            batch = np.full((len(rows), int(ends.max()) + 1), items)
            for place, n in enumerate(rows):
                batch[place, : len(ordered[n])] = ordered[n]
            vectors = self.encode(batch)[np.arange(len(rows)), ends]
            scores[rows] = vectors @ self.weights["item"][:items].T + self.weights["bias"]
        return scores

    def _ordered(self, histories: sp.csr_array, users: NDArray[np.int64] | None) -> list[NDArray[np.int64]]:
        known = set(known_users(users, self.sequences.num_users).tolist())
        rows = []
        for n in range(histories.shape[0]):
            history = np.sort(histories.indices[histories.indptr[n] : histories.indptr[n + 1]]).astype(np.int64)
            if users is not None and n in known:
                past = self.sequences.of(int(users[n]))
                kept = past[np.isin(past, history)]
                history = np.concatenate([kept, np.setdiff1d(history, past)])
            rows.append(history)
        return rows

    def encode(self, batch: NDArray[np.int64]) -> Floats:
        """Ids ``[b, t]`` → vectors ``[b, t, d]``; no place sees a later one, so a short row may end in anything."""
        w, t = self.weights, batch.shape[1]
        x = w["item"][batch] + w["position"][:t]
        future = np.triu(np.full((t, t), -np.inf, dtype=np.float32), 1)
        block = 0
        while f"blocks.{block}.norm1.weight" in w:
            x = self._block(x, future, f"blocks.{block}.")
            block += 1
        return _norm(x, w, "norm")

    def _block(self, x: Floats, future: Floats, at: str) -> Floats:
        w, (b, t, d) = self.weights, x.shape
        joint = _linear(_norm(x, w, at + "norm1"), w[at + "self_attn.in_proj_weight"], w[at + "self_attn.in_proj_bias"])
        # [b, t, 3, heads, d / heads] → three of [b, heads, t, d / heads]
        query, key, value = joint.reshape(b, t, 3, self.heads, d // self.heads).transpose(2, 0, 3, 1, 4)
        attention = softmax(query @ key.swapaxes(2, 3) / math.sqrt(d // self.heads) + future, axis=3)
        mixed = (attention @ value).swapaxes(1, 2).reshape(b, t, d)
        x = x + _linear(mixed, w[at + "self_attn.out_proj.weight"], w[at + "self_attn.out_proj.bias"])
        inner = _linear(_norm(x, w, at + "norm2"), w[at + "linear1.weight"], w[at + "linear1.bias"])
        inner *= 0.5 * (1 + erf(inner / math.sqrt(2)))
        return np.asarray(x + _linear(inner, w[at + "linear2.weight"], w[at + "linear2.bias"]), dtype=np.float32)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        return {**self.weights, "heads": np.array([self.heads])}

    @classmethod
    def restore(cls, name: str, arrays: Mapping[str, NDArray[np.generic]], snapshot: Snapshot) -> Self:
        weights = {key: np.asarray(part, dtype=np.float32) for key, part in arrays.items() if key != "heads"}
        check_sizes(snapshot, snapshot.num_users, len(weights["bias"]))
        return cls(name, weights, int(np.asarray(arrays["heads"], dtype=np.int64)[0]), Sequences.of_training(snapshot))


def _linear(x: Floats, weight: Floats, bias: Floats) -> Floats:
    return x @ weight.T + bias


def _norm(x: Floats, weights: Mapping[str, Floats], at: str) -> Floats:
    """Layer normalisation (Ba, Kiros and Hinton, arXiv 1607.06450)."""
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + EPSILON)
    normed: Floats = centred / scale * weights[at + ".weight"] + weights[at + ".bias"]
    return normed
