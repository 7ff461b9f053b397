"""One table: models and baselines, ranking metrics with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config.recipe import EvaluationConfig
from kgrec.dataset.snapshot import Snapshot, Split
from kgrec.evaluation.baselines import CannotFitError, make_baseline
from kgrec.evaluation.bootstrap import Bootstrap, centred_interval, percentile_interval
from kgrec.evaluation.protocol import Protocol
from kgrec.evaluation.result import Difference, Evaluation, Interval, Row
from kgrec.metrics import CATALOGUE, RANKING, check_names, exposure, find_hits
from kgrec.progress import SILENT, Progress
from kgrec.recommend.scorer import Scorer


def evaluate(
    models: Sequence[Scorer],
    snapshot: Snapshot,
    config: EvaluationConfig | None = None,
    *,
    split: Split = "test",
    seed: int = 0,
    candidates: NDArray[np.bool_] | None = None,
    progress: Progress = SILENT,
) -> Evaluation:
    """Measures the models and the recipe's baselines on a held-out part (:mod:`kgrec.evaluation.protocol`).

    Args:
        models: the project's own; the first one is compared with every other row.
        snapshot: nodes and interactions.
        config: cut-offs, metrics, baselines, candidates, resamples.
        split: ``valid`` to choose, ``test`` to report.
        seed: of the bootstrap and of baselines that start at random.
        candidates: bool ``[num_items]``, instead of what the configuration says.
        progress: shows what is running.

    Raises:
        RecipeError: an unknown metric, baseline or parameter.
        DataError: nobody has a held-out candidate.
    """
    config = config or EvaluationConfig()
    check_names(config.metrics)
    baselines = [(str(settings["name"]), make_baseline(settings)) for settings in config.baselines]
    if candidates is None:
        everything = config.candidates == "all"
        candidates = np.ones(snapshot.num_items, dtype=bool) if everything else snapshot.interacted()
    protocol = Protocol.of(snapshot, split, candidates)
    measured: list[_Measured] = []
    skipped = {}
    train = snapshot.matrix("train")
    with progress.task("evaluating", len(models) + len(baselines), "recommenders") as task:
        for model in models:
            measured.append(_measure(model, "model", protocol, config))
            task.advance()
        for name, baseline in baselines:
            try:
                measured.append(_measure(baseline.fit(train, seed), "baseline", protocol, config))
            except CannotFitError as error:
                skipped[name] = str(error)
                progress.say(f"baseline {name} left out: {error}")
            task.advance()
    bootstrap = Bootstrap(len(protocol.users), config.bootstrap, seed)
    rows, differences = _with_intervals(measured, bootstrap, candidates)
    return Evaluation(
        split=split,
        users=len(protocol.users),
        candidates=int(candidates.sum()),
        resamples=config.bootstrap,
        rows=rows,
        differences=differences,
        skipped=skipped,
    )


@dataclass(frozen=True, eq=False)
class _Measured:
    """A recommender's figures before intervals.

    Attributes:
        order: metric names as they are shown.
        per_user: metric → float64 ``[users]``.
        lists: catalogue metric → (its name, recommended items int64 ``[users, k]``).
    """

    name: str
    kind: Literal["model", "baseline"]
    order: tuple[str, ...]
    per_user: Mapping[str, NDArray[np.float64]]
    lists: Mapping[str, tuple[str, NDArray[np.int64]]]


def _measure(
    scorer: Scorer, kind: Literal["model", "baseline"], protocol: Protocol, config: EvaluationConfig
) -> _Measured:
    ids, areas = protocol.rank(scorer, max(config.k), "auc" in config.metrics)
    hits = find_hits(ids, protocol.relevant)
    count = np.diff(protocol.relevant.indptr)
    order: list[str] = []
    per_user, lists = {}, {}
    for k in config.k:
        for metric in config.metrics:
            if metric in RANKING:
                per_user[f"{metric}@{k}"] = RANKING[metric](hits, count, k)
            elif metric in CATALOGUE:
                lists[f"{metric}@{k}"] = (metric, ids[:, :k])
            else:
                continue
            order.append(f"{metric}@{k}")
    if areas is not None:
        per_user["auc"] = areas
        order.append("auc")
    return _Measured(scorer.name, kind, tuple(order), per_user, lists)


def _with_intervals(
    measured: Sequence[_Measured], bootstrap: Bootstrap, candidates: NDArray[np.bool_]
) -> tuple[tuple[Row, ...], tuple[Difference, ...]]:
    names = list(measured[0].per_user) if measured else []
    values = np.array([[one.per_user[name] for name in names] for one in measured])
    values = values.reshape(len(measured), len(names), bootstrap.users)
    # a user without an AUC has none for any recommender: the same columns are left out of every mean
    known = ~np.isnan(values)
    columns = np.concatenate([np.where(known, values, 0.0), known], axis=1).reshape(-1, bootstrap.users).T
    resampled = bootstrap.means(columns).reshape(bootstrap.resamples, len(measured), 2, len(names))
    point = np.concatenate([np.where(known, values, 0.0), known], axis=1).mean(axis=2)
    point = point.reshape(len(measured), 2, len(names))
    with np.errstate(invalid="ignore"):  # 0 / 0 where nobody has an AUC
        means, point = resampled[:, :, 0] / resampled[:, :, 1], point[:, 0] / point[:, 1]

    rows, differences = [], []
    for i, one in enumerate(measured):
        figures = _intervals(names, point[i], means[:, i])
        for name, (metric, ids) in one.lists.items():
            figures[name] = _catalogue_interval(metric, ids, bootstrap, candidates)
        rows.append(Row(one.name, one.kind, {name: figures[name] for name in one.order if name in figures}))
        if i and measured[0].kind == "model":
            gained = _intervals(names, point[0] - point[i], means[:, 0] - means[:, i])
            differences.append(Difference(measured[0].name, one.name, gained))
    return tuple(rows), tuple(differences)


def _intervals(names: Sequence[str], point: NDArray[np.float64], resampled: NDArray[np.float64]) -> dict[str, Interval]:
    figures = {}
    for name, value, column in zip(names, point, resampled.T):
        drawn = column[~np.isnan(column)]
        if np.isnan(value):
            continue  # an AUC that nobody has
        low, high = percentile_interval(drawn) if drawn.size else (value, value)
        figures[name] = (float(value), float(low), float(high))
    return figures


def _catalogue_interval(
    metric: str, ids: NDArray[np.int64], bootstrap: Bootstrap, candidates: NDArray[np.bool_]
) -> Interval:
    figure = CATALOGUE[metric]
    value = float(figure(exposure(ids, len(candidates))[candidates]))
    if not bootstrap.resamples:
        return value, value, value
    rows, ranks = np.nonzero(ids >= 0)
    entries = (np.ones(len(rows), dtype=np.float32), (rows, ids[rows, ranks]))
    lists = sp.csr_array(entries, shape=(bootstrap.users, len(candidates)))[:, np.flatnonzero(candidates)]
    return value, *centred_interval(value, bootstrap.of_sums(lists, figure))
