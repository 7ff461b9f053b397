"""New items among people: who would like them, and where they stand in somebody's list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot, Split
from kgrec.errors import UserError
from kgrec.flow.newcomer import Newcomers
from kgrec.progress import SILENT, Progress
from kgrec.recommend.blocks import blocks
from kgrec.recommend.lists import SEEN
from kgrec.recommend.new_items import NewItem
from kgrec.recommend.topk import top_k


@dataclass(frozen=True, eq=False)
class Arrivals:
    """New items beside a fitted model.

    Attributes:
        items: as they were written down.
        newcomers: their flows, in the same order.
        snapshot: what the model was trained on.
    """

    items: tuple[NewItem, ...]
    newcomers: Newcomers
    snapshot: Snapshot

    def __post_init__(self) -> None:
        known = set(self.snapshot.of_type(self.snapshot.item_type)["key"]) | set(
            self.snapshot.of_type(self.snapshot.item_type)["iri"]
        )
        for item in self.items:
            if item.id in known:
                raise UserError("an item of the data has this id: it is not new", value=item.id)

    def users(self, k: int = 10, progress: Progress = SILENT) -> pl.DataFrame:
        """The ``k`` users of whom each item has the highest score, from their training histories.

        Returns:
            columns item, rank (from 1), user (key, else IRI), label, score.
        """
        snapshot = self.snapshot
        histories = snapshot.matrix("train")
        scores = np.empty((snapshot.num_users, len(self.items)), dtype=np.float32)
        with progress.task("ranking users", snapshot.num_users, "users") as task:
            for part in blocks(snapshot.num_users, max(len(self.items), 64)):
                some = np.arange(part.start, part.stop)
                scores[part] = self.newcomers.score(histories[some], some)
                task.advance(len(some))
        ids, best = top_k(np.ascontiguousarray(scores.T), k)
        rows, ranks = np.nonzero(ids >= 0)
        nodes = snapshot.of_type(snapshot.user_type).select(
            user=pl.coalesce("key", "iri"), label=pl.coalesce("label", "key", "iri")
        )
        chosen = nodes[ids[rows, ranks]]
        return pl.DataFrame(
            {
                "item": [self.items[row].id for row in rows],
                "rank": ranks + 1,
                "user": chosen["user"],
                "label": chosen["label"],
                "score": best[rows, ranks],
            }
        )

    def listed(
        self,
        user: int,
        k: int = 10,
        *,
        candidates: NDArray[np.bool_] | None = None,
        include_seen: bool = False,
        seen: Sequence[Split] = SEEN,
    ) -> pl.DataFrame:
        """A user's best ``k`` among the snapshot's items and the new ones; new ones that stand further down follow.

        Args:
            user: id in the snapshot; the other arguments as in :func:`kgrec.recommend.recommend`.

        Returns:
            columns rank (from 1), item, label, score, new.
        """
        snapshot, one = self.snapshot, np.array([user])
        history = snapshot.matrix("train")[one]
        scorer = self.newcomers.scorer
        scores = np.concatenate([scorer.score(history, one), self.newcomers.score(history, one)], axis=1)
        allowed = np.ones(scores.shape[1], dtype=bool)
        if candidates is not None:
            allowed[: snapshot.num_items] = candidates
        if seen and not include_seen:
            hidden: sp.csr_array = snapshot.matrix(*seen)[one]
            allowed[hidden.indices] = False
        ids, _ = top_k(scores, min(k, int(allowed.sum())), allowed[None])
        shown = [int(i) for i in ids[0]]
        nodes = snapshot.of_type(snapshot.item_type).select(
            item=pl.coalesce("key", "iri"), label=pl.coalesce("label", "key", "iri")
        )
        names = [*nodes.iter_rows(), *((item.id, item.name) for item in self.items)]
        ranks = {i: rank for rank, i in enumerate(shown, 1)}
        for i in range(snapshot.num_items, len(names)):
            ranks.setdefault(i, int((scores[0][allowed] > scores[0, i]).sum()) + 1)
        return pl.DataFrame(
            [
                (rank, *names[i], float(scores[0, i]), i >= snapshot.num_items)
                for i, rank in sorted(ranks.items(), key=lambda pair: (pair[1], pair[0]))
            ],
            schema={
                "rank": pl.Int64,
                "item": pl.String,
                "label": pl.String,
                "score": pl.Float32,
                "new": pl.Boolean,
            },
            orient="row",
        )
