"""The flagship: the linear flow over typed edges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgrec.config.space import OneOf, Real, Space, Whole
from kgrec.recommend.scorer import Scorer
from kgrec.tune.models.base import Fitted, How, Tunable
from kgrec.tune.task import FitData

SPACE: Space = {
    "folds": Whole(1, 4),
    "held_out": Real(0.08, 0.3),
    "dim": OneOf((32, 64, 128)),
    "epochs": Whole(8, 40),
    "neighbours": Whole(20, 200, log=True),
}
SAVED = "flow"
"""Folder of the saved model inside the fit's own."""


class FlowModel(Tunable):
    """The model ``flow``; settings are those of :class:`kgrec.flow.FlowConfig`, in place of the recipe's."""

    name = "flow"
    code = ("kgrec.flow", "kgrec.config.flow")
    sections = ("flow",)

    @property
    def space(self) -> Space:
        return SPACE

    def fit(self, data: FitData, settings: Mapping[str, Any], how: How) -> Fitted:
        from kgrec.flow import FlowConfig, fit_flow

        config = FlowConfig(**{**data.recipe.flow.model_dump(), **settings})
        flow = fit_flow(
            data.snapshot,
            config,
            text=data.text,
            kg=data.kg,
            seed=how.seed,
            device=how.device,
            progress=how.progress,
        )
        if how.keep:
            (how.folder / SAVED).mkdir(exist_ok=True)
            flow.save(how.folder / SAVED)
        return Fitted(flow.scorer(data.snapshot))

    def refit(self, data: FitData, settings: Mapping[str, Any], choices: Mapping[str, Any], how: How) -> Scorer:
        from kgrec.flow import Flow

        fitted = Flow.load(how.folder / SAVED)
        return fitted.refit(data.snapshot, text=data.text, kg=data.kg, seed=how.seed).scorer(data.snapshot)

    def snippet(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"model": {"name": self.name}, "flow": dict(settings)}


class CutFlow(FlowModel):
    """A fitted flow with channels taken out, the other gates as they are.

    Args:
        channel: name of a channel or of a family.
    """

    def __init__(self, channel: str) -> None:
        self.channel = channel

    def fit(self, data: FitData, settings: Mapping[str, Any], how: How) -> Fitted:
        from kgrec.flow import Flow

        if how.above is None:
            raise ValueError("expected the folder of a fitted flow (got none)")
        return Fitted(Flow.load(how.above / SAVED).without(self.channel).scorer(data.snapshot))
