"""The comparison of models on many splits of the same data, for one fixed test part is one draw.

    python -m benchmarks.resplits [SET …] [--splits N] [--models A …] [--data DIR] [--run-dir DIR]

The test part is not read: training and validation part are thrown together and every user's interactions split anew at
random, a tenth to be measured on, a tenth for validation.  On each split every model is fitted twice, on the new
training part and, with the choices of that fit, on training and validation part.  Baselines keep the settings that were
chosen on the data's own validation part (``quality.json``), some of which they are measured on here: that favours them.

Differences to EASE are those of each user's mean over the splits, with 95 % bootstrap intervals over users.  Figures go
to ``benchmarks/results/resplits.json``; sets that were not run again stay as they were.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks._common import DATA, ROOT
from kgrec.bench.cells import write_json
from kgrec.bench.intervals import differences
from kgrec.bench.lists import make_lists
from kgrec.bench.machine import machine, versions
from kgrec.bench.measure import Measure
from kgrec.dataset.snapshot import Snapshot
from kgrec.tune.models import How, model_named
from kgrec.tune.prepare import prepare
from kgrec.tune.task import FitData

RESULTS = ROOT / "benchmarks" / "results"
SETS = ("ml-100k", "lastfm", "lastfm-dbpedia")
"""Those whose own split is random, too."""
MODELS = ("flow", "EASE", "iALS", "RP3beta")
REFERENCE = "EASE"
SHARE = 0.1
METRICS = ("ndcg@10", "recall@10", "mrr@10", "recall@20")
FITS = ("train", "train+valid")

PerUser = dict[str, NDArray[np.float64]]
"""Metric → float64 ``[num_users]``, NaN for users of whom nothing is measured."""


def split_anew(snapshot: Snapshot, number: int, share: float = SHARE) -> Snapshot:
    """Training and validation part as a new training, validation and test part; the old test part is left out.

    Args:
        snapshot: as it was split.
        number: which of the random splits.
        share: of a user's interactions in each of the last two parts, rounded.
    """
    pairs = snapshot.pairs("train", "valid")
    user = pairs["user"].to_numpy()
    count = np.bincount(user, minlength=snapshot.num_users)
    order = np.lexsort((np.random.default_rng(number).random(len(user)), user))
    place = np.empty(len(user), dtype=np.int64)
    place[order] = np.arange(len(user)) - np.repeat(np.cumsum(count) - count, count)
    size = np.round(count * share).astype(np.int64)[user]
    names = np.select([place < size, place < 2 * size], ["test", "valid"], "train")
    return replace(snapshot, interactions=pairs.with_columns(split=pl.Series(names)))


def measured(data: FitData, model: str, settings: dict[str, Any], seed: int) -> dict[str, PerUser]:
    """Metrics of every user on the test part of these data, by fit."""
    tunable, measure, found = model_named(model), Measure(data), {}
    with tempfile.TemporaryDirectory(prefix="kgrec-bench-") as folder:
        how = How(Path(folder), seed)
        fitted = tunable.fit(data, settings, how)
        scorers = {
            "train": (fitted.scorer, data),
            "train+valid": (tunable.refit(data.refitted(), settings, fitted.choices, how), data.refitted()),
        }
        protocol = measure.protocol("test")
        for fit, (scorer, its_data) in scorers.items():
            figures = measure.of({"test": make_lists(scorer, its_data, fit)["test"]}, protocol)
            found[fit] = {name: np.full(data.snapshot.num_users, np.nan) for name in METRICS}
            for name in METRICS:
                found[fit][name][protocol.users] = figures.per_user[name]
    return found


def compare(name: str, data: Path, runs: Path | None, splits: int, models: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Rows of one data set: model, fit, means over splits, and differences to EASE with their intervals."""
    made = prepare(ROOT / "recipes" / f"{name}.toml", data, None if runs is None else runs / name).open()
    settings = _settings(name)
    figures: dict[tuple[str, str], list[PerUser]] = {}
    for number in range(splits):
        anew = replace(made, snapshot=split_anew(made.snapshot, number))
        for model in models:
            for fit, per_user in measured(anew, model, settings.get(model, {}), number).items():
                figures.setdefault((model, fit), []).append(per_user)
                print(f"{name} {number} {model} {fit} {np.nanmean(per_user['ndcg@10']):.4f}", flush=True)
    means = {key: _mean(some) for key, some in figures.items()}
    for (model, fit), mine in means.items():
        reference = means.get((REFERENCE, fit))
        each = [np.nanmean(one["ndcg@10"]) for one in figures[model, fit]]
        yield {
            "dataset": name,
            "model": model,
            "fit": fit,
            "splits": splits,
            "metrics": {
                metric: round(float(np.mean([np.nanmean(one[metric]) for one in figures[model, fit]])), 4)
                for metric in METRICS
            },
            "ndcg@10 by split": [round(float(one), 4) for one in each],
            "difference": {}
            if reference is None or model == REFERENCE
            else {metric: [round(one, 4) for one in three] for metric, three in differences(mine, reference).items()},
        }


def _mean(splits: Sequence[PerUser]) -> PerUser:
    """Each user's mean over the splits that measure something of theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of users whom no split measures
        return {name: np.nanmean([one[name] for one in splits], axis=0) for name in METRICS}


def _settings(dataset: str) -> dict[str, dict[str, Any]]:
    chosen = [
        one
        for one in json.loads((RESULTS / "quality.json").read_text())["choices"]
        if one["dataset"] == dataset and one["status"] == "done"
    ]
    return {"flow": {"dial": False}, **{one["model"]: one["settings"] for one in chosen}}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", default=SETS)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--run-dir", type=Path, help="keeps snapshots and vectors; the recipes' own by default")
    given = parser.parse_args()
    file = RESULTS / "resplits.json"
    rows = json.loads(file.read_text())["rows"] if file.exists() else []
    for name in given.sets:
        found = list(compare(name, given.data, given.run_dir, given.splits, given.models))
        rows = [one for one in rows if one["dataset"] != name] + found
        header = {"command": "python -m benchmarks.resplits", "machine": machine(), "versions": versions()}
        write_json(file, {**header, "rows": rows})


if __name__ == "__main__":
    main()
