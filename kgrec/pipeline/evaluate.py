"""The table of the models and the baselines on one held-out part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from kgrec.config import Recipe
from kgrec.dataset.snapshot import Snapshot, Split
from kgrec.evaluation import evaluate, evaluate_ratings
from kgrec.pipeline.models import load_scorer
from kgrec.progress import Progress


def make_evaluation(
    recipe: Recipe, split: str, snapshot: Path, models: Mapping[str, Path], folder: Path, progress: Progress
) -> None:
    """``evaluation.json``: the document of ``kgrec evaluate --json``; where interactions carry ratings, how well simple
    models predict them stands under ``ratings``.

    Args:
        models: stage → folder of each trained model, the recipe's own first.
    """
    part = cast("Split", split)
    data = Snapshot.open(snapshot)
    scorers = [load_scorer(place, data) for place in models.values()]
    result = evaluate(scorers, data, recipe.evaluation, split=part, seed=recipe.seed, progress=progress).to_json()
    if data.interactions["value"].n_unique() > 1:
        ratings = evaluate_ratings([], data, split=part, resamples=recipe.evaluation.bootstrap, seed=recipe.seed)
        result["ratings"] = ratings.to_json()
    (folder / "evaluation.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
