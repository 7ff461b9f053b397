"""Every model that can be tuned and compared, by name; importing this loads no framework."""

from __future__ import annotations

from kgrec.errors import UserError, nearest
from kgrec.evaluation.baselines import BASELINES
from kgrec.tune.models.base import Fitted, How, Tunable
from kgrec.tune.models.baseline import BaselineModel, RecencyModel
from kgrec.tune.models.flow import FlowModel
from kgrec.tune.models.linear import LinearModel
from kgrec.tune.models.zoo import ZooModel
from kgrec.zoo import ZOO

MODELS: dict[str, Tunable] = {
    model.name: model
    for model in (
        FlowModel(),
        LinearModel(),
        *map(BaselineModel, BASELINES),
        RecencyModel(),
        *map(ZooModel, ZOO),
    )
}
"""Name → model."""


def model_named(name: str) -> Tunable:
    """The model of this name; case does not count.

    Raises:
        UserError: there is none; the nearest is named.
    """
    by_fold = {known.casefold(): model for known, model in MODELS.items()}
    if name.casefold() not in by_fold:
        close = nearest(name, MODELS)
        raise UserError(
            "no model has this name",
            value=name,
            remedy=f"did you mean {close[0]!r}?" if close else f"known: {', '.join(MODELS)}",
        )
    return by_fold[name.casefold()]


__all__ = ["MODELS", "Fitted", "How", "Tunable", "model_named"]
