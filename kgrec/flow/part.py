"""What channels are built from: one part of the interactions, the items' links, their vectors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import DataError
from kgrec.flow.content import ItemContent
from kgrec.flow.links import Links


@dataclass(frozen=True, eq=False)
class Part:
    """The training part of a snapshot, or what is left of it when a fold is held out.

    Attributes:
        train: binary float32 CSR ``[users, items]``.
        times: float64 CSR of the same pattern, seconds + 1 from the earliest on; None where times are unknown.
        content: what is known of the items besides.
        user_type, item_type: node types in the snapshot.
    """

    train: sp.csr_array
    times: sp.csr_array | None
    content: ItemContent
    user_type: str
    item_type: str

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        text: Features | None = None,
        kg: Features | None = None,
        neighbours: int = 100,
        max_dense: int = 20_000,
        axes: NDArray[np.float32] | None = None,
    ) -> Part:
        """The training part of a snapshot; the axes of its links where they are known already.

        Raises:
            DataError: there are no training interactions, or an item's vector is not finite (the item is named), or the
                vectors are of another number of items.
        """
        train = snapshot.matrix("train")
        if not train.nnz:
            raise DataError("there are no training interactions", remedy="see the recipe's split, threshold and k-core")
        return cls(
            train,
            training_times(snapshot),
            ItemContent(
                Links.of(snapshot),
                _vectors(snapshot, text, "text"),
                _vectors(snapshot, kg, "embedding"),
                neighbours,
                max_dense,
                axes,
            ),
            snapshot.user_type,
            snapshot.item_type,
        )

    def with_text(self, snapshot: Snapshot, text: Features) -> Part:
        """The same with the items' texts.

        Raises:
            DataError: see :meth:`of`.
        """
        vectors = _vectors(snapshot, text, "text")
        return replace(self, content=replace(self.content, text=vectors))

    @property
    def num_users(self) -> int:
        return int(self.train.shape[0])

    @property
    def num_items(self) -> int:
        return int(self.train.shape[1])

    @cached_property
    def item_degree(self) -> NDArray[np.float64]:
        """Training users of each item: float64 ``[items]``."""
        return np.bincount(self.train.indices, minlength=self.num_items).astype(np.float64)

    @cached_property
    def by_item(self) -> sp.csr_array:
        """The users of each item: binary float32 CSR ``[items, users]``."""
        turned = sp.csr_array(self.train.T)
        turned.sort_indices()
        return turned

    @cached_property
    def user_degree(self) -> NDArray[np.float64]:
        """Training items of each user: float64 ``[users]``."""
        return np.diff(self.train.indptr).astype(np.float64)

    @cached_property
    def seen(self) -> NDArray[np.int64]:
        """Ids of the items with a training interaction, increasing: all that collaborative channels can speak of."""
        return np.flatnonzero(self.item_degree)

    def without(self, held_out: sp.csr_array) -> Part:
        """The part that is left when these interactions (binary CSR ``[users, items]``) are taken out."""
        train = sp.csr_array(self.train - self.train.multiply(held_out))
        train.eliminate_zeros()
        train.sort_indices()
        times = None if self.times is None else sp.csr_array(self.times.multiply(train))
        if times is not None:
            times.sort_indices()
        return replace(self, train=train, times=times)


def training_times(snapshot: Snapshot) -> sp.csr_array | None:
    """Times of the training interactions, float64 CSR ``[users, items]``, 1 the earliest; None where one is unknown."""
    pairs = snapshot.pairs("train")
    if pairs["timestamp"].null_count() or pairs["timestamp"].n_unique() < 2:
        return None
    at = pairs["timestamp"].to_numpy().astype(np.float64)
    times = sp.csr_array(
        (at - at.min() + 1.0, (pairs["user"].to_numpy(), pairs["item"].to_numpy())),
        shape=(snapshot.num_users, snapshot.num_items),
    )
    times.sort_indices()
    return times


def _vectors(snapshot: Snapshot, features: Features | None, what: str) -> NDArray[np.float32] | None:
    if features is None or snapshot.item_type not in features:
        return None
    matrix, mask = features[snapshot.item_type]
    if len(matrix) != snapshot.num_items:
        raise DataError(
            f"the {what} vectors are those of another snapshot",
            value=f"{len(matrix):,} rows",
            expected=f"{snapshot.num_items:,}, one an item",
            remedy="make them again: `kgrec train`",
        )
    if not mask.any():
        return None
    wrong = np.flatnonzero(~np.isfinite(matrix).all(axis=1) & mask)
    if wrong.size:
        iri = snapshot.of_type(snapshot.item_type).filter(pl.col("id") == int(wrong[0]))["iri"][0]
        raise DataError(f"the {what} vector of {iri} is not finite", remedy="make the vectors again: `kgrec train`")
    return np.where(mask[:, None], matrix, 0.0).astype(np.float32)
