"""A list before and after an intervention on the graph that a model propagates over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kgrec.effects import Intervention
from kgrec.effects.graph import GraphEffects
from kgrec.explain.rerun import told_seconds
from kgrec.explain.whatif import WhatIf, item_names, rankings, side_by_side


def what_if_rerun(
    effects: GraphEffects,
    user: int | None,
    history: NDArray[np.int64],
    intervention: Intervention,
    known: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    k: int,
) -> WhatIf:
    """What would be recommended; nothing is trained, nothing that is stored changes.

    Args:
        effects: of the model.
        user: whose list; None for somebody whom the model never saw.
        history: the person's interactions.
        intervention: what is taken away and added.
        known: items that stay out of the list before and after; what is taken away is not recommended back.
        allowed: which items may be recommended, bool ``[num_items]``.
        k: length of the list.

    Raises:
        UserError: see :meth:`kgrec.effects.graph.GraphEffects.check`; or the model scores nobody whom it never saw.
    """
    effects.check_person(user)
    effects.check(history, intervention)
    ranking, ranking_after = rankings(allowed, known, intervention)
    before = effects.score(user, history)
    seconds = effects.seconds
    after = effects.score(user, history, intervention)
    seconds = effects.seconds - seconds
    names = item_names(effects.snapshot)
    lists = side_by_side(names, (ranking, before), (ranking_after, after), k)
    return WhatIf(*lists, tuple(_notes(effects, user, history, intervention, np.array_equal(before, after), seconds)))


def _notes(
    effects: GraphEffects,
    user: int | None,
    history: NDArray[np.int64],
    intervention: Intervention,
    unmoved: bool,
    seconds: float,
) -> list[str]:
    notes = []
    if unmoved:
        notes.append(effects.unmoved)
    if len(history) and set(history.tolist()) <= intervention.drop_items and not intervention.add_items:
        notes.append("Nothing of the history is left.")
    if user is None and effects.newcomers:
        notes.append(effects.newcomers)
    how = effects.how(user, history, intervention)
    return [*notes, f"{how}, its parameters held fixed: {told_seconds(seconds)} s."]
