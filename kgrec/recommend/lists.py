"""Recommendation lists: score a block of histories, leave out what was seen, take the best k, name them.

A list is made from the user's *training* history, the one whose edges the model and its explanations see.  What counts
as seen and is left out is, by default, training and validation interactions; the test part stays recommendable, so that
a list can be held against it.  Deploy with ``seen=("train", "valid", "test")``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot, Split
from kgrec.errors import StorageError, UserError
from kgrec.progress import SILENT, Progress
from kgrec.recommend.blocks import blocks
from kgrec.recommend.history import History
from kgrec.recommend.ids import ids_of
from kgrec.recommend.nodes import NodeScorer
from kgrec.recommend.scorer import HistoryScorer, Scorer
from kgrec.recommend.topk import top_k

SCHEMA = {"user": pl.String, "rank": pl.Int64, "item": pl.String, "label": pl.String, "score": pl.Float32}
SEEN: tuple[Split, ...] = ("train", "valid")

Lists = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Ids and scores, both ``[users, k]``."""


def recommend(
    scorer: Scorer,
    snapshot: Snapshot,
    users: Sequence[str],
    k: int = 10,
    *,
    candidates: NDArray[np.bool_] | None = None,
    include_seen: bool = False,
    seen: Sequence[Split] = SEEN,
    node_type: str | None = None,
) -> pl.DataFrame:
    """The best ``k`` for each of these users.

    Args:
        scorer: the model.
        snapshot: what it was trained on.
        users: keys or IRIs.
        k: how many; a user with fewer candidates gets fewer rows.
        candidates: bool ``[num_nodes]`` of the ranked type: which nodes may be recommended; all by default.
        include_seen: keep what the user has interacted with.
        seen: the parts that count as seen.
        node_type: rank nodes of this type instead of items (models with vectors for every node only).

    Returns:
        columns user (key), rank (from 1), item (key, else IRI), label, score; users in the order given.

    Raises:
        UnknownIdError: a user does not exist.
        UserError: the node type does not exist or cannot be ranked by this scorer.
    """
    ids = ids_of(snapshot, snapshot.user_type, users)
    ranked = _Ranking(scorer, snapshot, k, candidates, () if include_seen else seen, node_type)
    return ranked.frame(ids, *ranked.lists(ids))


def check_reads_history(scorer: Scorer) -> None:
    """Refuses people whom a model cannot score because they are no users of its training data.

    Raises:
        UserError: the model has vectors that belong to users.
    """
    if not getattr(scorer, "reads_history", True):
        raise UserError(
            f"{scorer.name} has a vector for each user of the training data and for nobody else",
            remedy='name a --user, or set model.name to "flow" or "SASRec", which read histories',
        )


def recommend_history(
    scorer: Scorer,
    snapshot: Snapshot,
    history: Sequence[str] | History,
    k: int = 10,
    *,
    user: str = "",
    candidates: NDArray[np.bool_] | None = None,
    include_seen: bool = False,
    node_type: str | None = None,
    progress: Progress = SILENT,
) -> pl.DataFrame:
    """The best ``k`` for somebody who is not in the data, from the items they interacted with.

    Args:
        history: item keys or IRIs, the latest last, or a :class:`~kgrec.recommend.history.History` with ratings and
            times; repeated ones count once, unknown ones are said and left out.
        user: what stands in the column ``user``.
        progress: is told which items are unknown.

    The other arguments, the result and the errors are those of :func:`recommend`.

    Raises:
        UnknownIdError: none of the items exists; the nearest are named.
        UserError: there are ratings and the model does not read them, or it reads no history at all.
    """
    check_reads_history(scorer)
    history = history if isinstance(history, History) else History(tuple(history))
    row, times = history.rows(snapshot, progress)
    ranked = _Ranking(scorer, snapshot, k, candidates, (), node_type)
    hidden = None if include_seen or ranked.node_type != snapshot.item_type else row
    if isinstance(ranked.scorer, HistoryScorer):
        scores = ranked.scorer.score_newcomers(row, times)
    elif history.ratings is not None:
        raise UserError(f"{scorer.name} does not read ratings", remedy='leave them out, or train [model] name = "flow"')
    else:
        scores = ranked.scorer.score(row)
    return ranked.named([user], *top_k(scores, k, candidates, hidden))


def recommend_all(
    scorer: Scorer,
    snapshot: Snapshot,
    out: str | Path,
    k: int = 10,
    *,
    candidates: NDArray[np.bool_] | None = None,
    include_seen: bool = False,
    seen: Sequence[Split] = SEEN,
    node_type: str | None = None,
    progress: Progress = SILENT,
) -> int:
    """The best ``k`` for every user, into a Parquet file with the columns of :func:`recommend`.

    The file appears whole or not at all; the same input gives the same bytes.

    Returns:
        the number of rows.

    Raises:
        UserError: as :func:`recommend`, or the file's folder does not exist.
        StorageError: the file cannot be written.
    """
    out = Path(out)
    if not out.parent.is_dir():
        raise UserError("the folder does not exist", file=out.parent, remedy="make it first, or name another file")
    ids = np.arange(snapshot.num_users)
    ranked = _Ranking(scorer, snapshot, k, candidates, () if include_seen else seen, node_type)
    frame = ranked.frame(ids, *ranked.lists(ids, progress))
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        frame.write_parquet(draft, compression="zstd", statistics=False)
        draft.replace(out)
    except OSError as error:
        raise StorageError(f"{out}: cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return len(frame)


class _Ranking:
    """One way of ranking, for any number of users."""

    def __init__(
        self,
        scorer: Scorer,
        snapshot: Snapshot,
        k: int,
        candidates: NDArray[np.bool_] | None,
        seen: Sequence[Split],
        node_type: str | None,
    ) -> None:
        self.snapshot, self.k, self.candidates = snapshot, k, candidates
        self.node_type = node_type or snapshot.item_type
        self.scorer = scorer
        self.hidden: sp.csr_array | None = snapshot.matrix(*seen) if seen else None
        if self.node_type != snapshot.item_type:
            self.scorer = NodeScorer(scorer, snapshot, self.node_type)
            themselves = self.node_type == snapshot.user_type
            self.hidden = sp.eye_array(snapshot.num_users, format="csr") if themselves else None

    def lists(self, users: NDArray[np.int64], progress: Progress = SILENT) -> Lists:
        """Ids and scores of the best k, both ``[len(users), k]``, block by block."""
        parts = list(self._parts(users, progress))
        if not parts:
            return np.empty((0, self.k), dtype=np.int64), np.empty((0, self.k), dtype=np.float32)
        return np.concatenate([ids for ids, _ in parts]), np.concatenate([scores for _, scores in parts])

    def _parts(self, users: NDArray[np.int64], progress: Progress) -> Iterator[Lists]:
        histories = self.snapshot.matrix("train")
        width = max(self.snapshot.num_items, self.snapshot.num_nodes[self.node_type])
        with progress.task("recommending", len(users), "users") as task:
            for part in blocks(len(users), width):
                some = users[part]
                hidden = None if self.hidden is None else self.hidden[some]
                yield top_k(self.scorer.score(histories[some], some), self.k, self.candidates, hidden)
                task.advance(len(some))

    def frame(self, users: NDArray[np.int64], ids: NDArray[np.int64], scores: NDArray[np.float32]) -> pl.DataFrame:
        nodes = self.snapshot.of_type(self.snapshot.user_type)
        return self.named(nodes.select(pl.coalesce("key", "iri")).to_series().gather(users), ids, scores)

    def named(
        self, users: Sequence[str] | pl.Series, ids: NDArray[np.int64], scores: NDArray[np.float32]
    ) -> pl.DataFrame:
        nodes = self.snapshot.of_type(self.node_type).select(
            item=pl.coalesce("key", "iri"), label=pl.coalesce("label", "key", "iri")
        )
        rows, ranks = np.nonzero(ids >= 0)
        chosen = ids[rows, ranks]
        return pl.DataFrame(
            {
                "user": pl.Series(users, dtype=pl.String).gather(rows),
                "rank": ranks + 1,
                "item": nodes["item"].gather(chosen),
                "label": nodes["label"].gather(chosen),
                "score": scores[rows, ranks],
            },
            schema=SCHEMA,
        )
