"""A run's answers to what-if and why where its model is no flow: it is worked out again on the edited graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kgrec.errors import UserError
from kgrec.pipeline.candidates import allowed_of
from kgrec.progress import SILENT, Progress

if TYPE_CHECKING:
    from kgrec.dataset.snapshot import Snapshot
    from kgrec.effects.graph import GraphEffects
    from kgrec.effects.linear import LinearEffects
    from kgrec.effects.rerun import RerunEffects
    from kgrec.explain.rerun import RerunExplainer
    from kgrec.explain.whatif import WhatIf
    from kgrec.pipeline.run import Run
    from kgrec.recommend import History
    from kgrec.zoo.scorers import ZooScorer


def effects_of(run: Run) -> RerunEffects | None:
    """See :attr:`kgrec.pipeline.run.Run.reruns`."""
    from kgrec.zoo.scorers import ZooScorer

    scorer = run.scorer
    if not isinstance(scorer, ZooScorer):
        return None
    from kgrec.dataset.features import load_features
    from kgrec.effects.rerun import RerunEffects

    snapshot = run.snapshot if run.recipe.model.kg else run.snapshot.without_knowledge()
    if scorer.reads_history:

        def build(other: Snapshot) -> ZooScorer:
            return scorer

        return RerunEffects(snapshot, scorer, build)
    from kgrec.zoo.again import TrainedModel

    text, kg = (
        None if folder is None else load_features(folder) for folder in (run.text_folder(), run.embedding_folder())
    )
    return RerunEffects(snapshot, scorer, TrainedModel(run.model_folder(), snapshot, text, kg).scorer)


def linear_of(run: Run) -> LinearEffects | None:
    """Interventions on a linear graph neural network; None for other models."""
    from kgrec.recommend.linear import LinearScorer

    if not isinstance(run.scorer, LinearScorer):
        return None
    from kgrec.explain.linear import LinearExplainer

    explainer = run.explainer
    assert isinstance(explainer, LinearExplainer)
    return explainer.effects


def explainer_of(run: Run) -> RerunExplainer:
    """The explainer of a run whose model is a published one.

    Raises:
        UserError: it is none.
    """
    from kgrec.explain.rerun import RerunExplainer

    effects = run.reruns
    if effects is None:
        raise UserError(
            f"{run.scorer.name} is a sum over paths and is not run again", remedy="ask for its paths: explain"
        )
    return RerunExplainer(effects, run.recipe.explain, allowed_of(effects.snapshot, run.recipe))


def what_if(
    run: Run,
    effects: GraphEffects,
    user: str | None,
    history: Sequence[str] | History | None,
    k: int,
    changes: dict[str, Sequence[str]],
    progress: Progress = SILENT,
) -> WhatIf:
    """See :meth:`kgrec.pipeline.run.Run.what_if`."""
    from kgrec.effects.named import intervention_of
    from kgrec.explain.rerun_whatif import what_if_rerun
    from kgrec.recommend import History
    from kgrec.recommend.lists import SEEN

    snapshot, u = effects.snapshot, None
    if user is not None:
        u = snapshot.user_id(user)
        items, known = effects.history(u), snapshot.matrix(*SEEN)[[u]].indices.astype(np.int64)
    else:
        effects.check_person(None)
        assert history is not None
        one = history if isinstance(history, History) else History(tuple(history))
        if one.ratings is not None:
            raise UserError(f"{effects.name} does not read ratings", remedy="leave them out")
        items = known = one.rows(snapshot, progress)[0].indices.astype(np.int64)
    if not run.recipe.model.kg and any(said for what, said in changes.items() if not what.endswith("items")):
        raise UserError("the model was trained without the knowledge graph", remedy="set model.kg to true")
    intervention = intervention_of(snapshot, effects.facts, **changes)
    return what_if_rerun(effects, u, items, intervention, known, allowed_of(snapshot, run.recipe), k)
