"""A run's explanations of whole lists, and its answers to what-if."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kgrec.errors import UserError
from kgrec.pipeline import rerun
from kgrec.pipeline.candidates import allowed_of
from kgrec.progress import SILENT, Progress

if TYPE_CHECKING:
    from kgrec.dataset.features import Features
    from kgrec.dataset.snapshot import Snapshot
    from kgrec.explain import CausalExplainer, Explanation
    from kgrec.explain.whatif import WhatIf
    from kgrec.pipeline.run import Run
    from kgrec.recommend import History


def text_reader(run: Run) -> Callable[[], Features | None]:
    """Reads the text vectors that the run's model was trained with."""
    return lambda: vectors_reader(run.text_folder(), run.snapshot)()


def vectors_reader(folder: Path | None, snapshot: Snapshot) -> Callable[[], Features | None]:
    """Reads the text vectors of a folder; there are none where it is None or holds none of the items."""

    def read() -> Features | None:
        from kgrec.dataset.features import load_features

        features = None if folder is None else load_features(folder)
        return features if features is not None and snapshot.item_type in features else None

    return read


def causal(run: Run) -> CausalExplainer:
    """The explainer of a run whose model can be intervened on.

    Raises:
        UserError: it cannot.
    """
    from kgrec.explain.causal import CausalExplainer

    explainer = run.explainer
    if not isinstance(explainer, CausalExplainer):
        raise UserError(f"{run.scorer.name} has no exact what-if", remedy='set model.name to "flow"')
    return explainer


def explain_list(
    run: Run, user: str, k: int = 10, *, paths: int | None = None, lang: str | None = None
) -> list[Explanation]:
    """Every item of a user's list, explained."""
    u = run.snapshot.user_id(user)
    frame = run.recommend(user, k)
    ranked = [(rank, run.snapshot.item_id(item)) for rank, item in enumerate(frame["item"].to_list(), 1)]
    return run.explainer.explain_list(u, ranked, paths=paths, lang=lang)


def what_if(
    run: Run,
    user: str | None,
    history: Sequence[str] | History | None,
    k: int,
    changes: dict[str, Sequence[str]],
    progress: Progress = SILENT,
) -> WhatIf:
    """See :meth:`kgrec.pipeline.run.Run.what_if`."""
    from kgrec.effects import Person
    from kgrec.effects.named import intervention_of
    from kgrec.explain.whatif import what_if
    from kgrec.recommend import History
    from kgrec.recommend.lists import SEEN

    if (user is None) == (history is None):
        raise UserError("a what-if is about a user or about a history", remedy="give one of the two")
    graph = run.reruns or rerun.linear_of(run)
    if graph is not None:
        return rerun.what_if(run, graph, user, history, k, changes, progress)
    explainer = causal(run)
    effects, snapshot = explainer.effects, run.snapshot
    known: NDArray[np.int64]
    if user is not None:
        u = snapshot.user_id(user)
        person, known = effects.person(u), snapshot.matrix(*SEEN)[[u]].indices.astype(np.int64)
    else:
        assert history is not None
        one = history if isinstance(history, History) else History(tuple(history))
        row, times = one.rows(snapshot, progress)
        person, known = Person.newcomer(explainer.scorer, row, times), row.indices.astype(np.int64)
    intervention = intervention_of(snapshot, effects.facts, **changes)
    return what_if(effects, person, intervention, known, allowed_of(snapshot, run.recipe), k)
