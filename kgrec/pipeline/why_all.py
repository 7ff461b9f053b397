"""Every user's list explained, into one file; what is finished is kept through a kill.

One row a path: user, rank, item, label, score, path (from 1), text, share, effect, rank_without, and of the item the
sizes of its necessary and sufficient sets and their edges as JSON.
"""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kgrec.errors import UserError
from kgrec.pipeline.files import digest
from kgrec.progress import Progress
from kgrec.recommend.lists import recommend

if TYPE_CHECKING:
    from kgrec.config import Recipe
    from kgrec.config.load import Paths
    from kgrec.explain import Explanation
    from kgrec.pipeline.run import Run

USERS = 64
"""Users whose rows are written at a time."""
SCHEMA: dict[str, Any] = {
    "user": pl.String,
    "rank": pl.Int64,
    "item": pl.String,
    "label": pl.String,
    "score": pl.Float64,
    "path": pl.Int64,
    "text": pl.String,
    "share": pl.Float64,
    "effect": pl.Float64,
    "rank_without": pl.Int64,
    "necessary": pl.String,
    "sufficient": pl.String,
}


Block = tuple[int, Path]
"""First user of a block, and the file of its rows."""


def explain_all(
    run: Run, out: Path, k: int, paths: int | None, lang: str | None, progress: Progress, processes: int = 1
) -> int:
    """See :meth:`kgrec.pipeline.run.Run.explain_all`.

    Raises:
        UserError: the file's folder does not exist.
    """
    if not out.parent.is_dir():
        raise UserError("the folder does not exist", file=out.parent, remedy="make it first, or name another file")
    snapshot = run.snapshot
    # another model, list or language starts anew
    mark = digest({"model": run.model_digest(), "k": k, "paths": paths, "lang": lang or run.recipe.explain.lang})
    parts = out.with_name(f".{out.name}.{mark[:16]}")
    for other in out.parent.glob(f".{out.name}.*"):
        if other != parts and other.is_dir():
            shutil.rmtree(other)
    parts.mkdir(exist_ok=True)
    blocks = [(start, parts / f"{start:09d}.parquet") for start in range(0, snapshot.num_users, USERS)]
    missing = [block for block in blocks if not block[1].exists()]
    with progress.task("explaining", snapshot.num_users, "users") as task:
        task.advance(snapshot.num_users - sum(len(_users(run, block)) for block in missing))
        if processes < 2:
            for block in missing:
                task.advance(_write(run, block, k, paths, lang))
        else:
            # a forked copy of a process with threads may wait for a lock that nobody holds
            with ProcessPoolExecutor(processes, get_context("spawn"), _enter, (run.recipe, run.paths)) as pool:
                for one in as_completed([pool.submit(_write_there, block, k, paths, lang) for block in missing]):
                    task.advance(one.result())
    files = [file for _, file in blocks]
    draft = parts / "whole"
    pl.scan_parquet(files).sink_parquet(draft, compression="zstd", statistics=False)
    draft.replace(out)
    shutil.rmtree(parts)
    return int(pl.scan_parquet(out).select(pl.len()).collect().item())


_there: Run | None = None


def _enter(recipe: Recipe, paths: Paths) -> None:
    """Opens the run in another process."""
    global _there
    from kgrec.pipeline.run import Run

    _there = Run(recipe, paths)


def _write_there(block: Block, k: int, paths: int | None, lang: str | None) -> int:
    assert _there is not None
    return _write(_there, block, k, paths, lang)


def _write(run: Run, block: Block, k: int, paths: int | None, lang: str | None) -> int:
    """The rows of a block of users, into its file; how many users they are."""
    users, file = _users(run, block), block[1]
    draft = file.with_suffix(".draft")
    _rows(run, users, k, paths, lang).write_parquet(draft, compression="zstd", statistics=False)
    draft.replace(file)
    return len(users)


def _users(run: Run, block: Block) -> np.ndarray:
    return np.arange(block[0], min(block[0] + USERS, run.snapshot.num_users))


def _rows(run: Run, users: np.ndarray, k: int, paths: int | None, lang: str | None) -> pl.DataFrame:
    snapshot = run.snapshot
    keys = snapshot.of_type(snapshot.user_type).select(pl.coalesce("key", "iri")).to_series().gather(users).to_list()
    from kgrec.pipeline.candidates import candidates_of

    frame = recommend(run.scorer, snapshot, keys, k, candidates=candidates_of(snapshot, run.recipe))
    items = snapshot.of_type(snapshot.item_type).select(pl.coalesce("key", "iri"), "id")
    place = dict(items.iter_rows())
    number = dict(zip(keys, users.tolist()))
    lists: dict[str, list[tuple[int, int]]] = {}
    for user, rank, item in frame.select("user", "rank", "item").iter_rows():
        lists.setdefault(user, []).append((rank, place[item]))
    rows: list[tuple[Any, ...]] = []
    for user, ranked in lists.items():
        for found in run.explainer.explain_list(number[user], ranked, paths=paths, lang=lang):
            rows += _of(user, found)
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _of(user: str, found: Explanation) -> list[tuple[Any, ...]]:
    sets: list[str | None] = [None, None]
    if found.causes is not None:
        sets = [
            None if one is None else json.dumps([edge.text for edge in one], ensure_ascii=False)
            for one in (found.causes.necessary, found.causes.sufficient)
        ]
    head = (user, found.rank, found.item, found.item_label, found.score)
    if not found.paths:
        return [(*head, None, None, None, None, None, *sets)]
    return [
        (*head, n, path.text, path.share, path.effect, path.rank_without, *sets)
        for n, path in enumerate(found.paths, 1)
    ]
