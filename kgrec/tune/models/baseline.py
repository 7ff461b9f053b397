"""The baselines: everything follows from the settings, so a refit is a fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgrec.config.space import Space
from kgrec.evaluation.baselines import BASELINES, EASERecency, make_baseline
from kgrec.recommend.scorer import Scorer
from kgrec.tune.models.base import Fitted, How, Tunable
from kgrec.tune.task import FitData

CODE = ("kgrec.evaluation.baselines", "kgrec.recommend.topk")


class BaselineModel(Tunable):
    """One of :data:`kgrec.evaluation.baselines.BASELINES`."""

    code = CODE

    def __init__(self, name: str) -> None:
        self.name = name
        self.seeded = name == "iALS"

    @property
    def space(self) -> Space:
        return BASELINES[self.name].space

    @property
    def grid(self) -> Mapping[str, tuple[float, ...]]:
        return BASELINES[self.name].grid

    def fit(self, data: FitData, settings: Mapping[str, Any], how: How) -> Fitted:
        return Fitted(self.refit(data, settings, {}, how))

    def refit(self, data: FitData, settings: Mapping[str, Any], choices: Mapping[str, Any], how: How) -> Scorer:
        return make_baseline({"name": self.name, **settings}).fit(data.snapshot.matrix("train"), how.seed)

    def snippet(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"evaluation": {"baselines": [{"name": self.name, **settings}]}}


class RecencyModel(Tunable):
    """EASE on histories weighted by age."""

    name = "EASE + recency"
    seeded = False
    code = CODE

    @property
    def space(self) -> Space:
        return EASERecency.space

    @property
    def grid(self) -> Mapping[str, tuple[float, ...]]:
        return EASERecency.grid

    def fit(self, data: FitData, settings: Mapping[str, Any], how: How) -> Fitted:
        return Fitted(self.refit(data, settings, {}, how))

    def refit(self, data: FitData, settings: Mapping[str, Any], choices: Mapping[str, Any], how: How) -> Scorer:
        return EASERecency(**settings).fit(data.snapshot)

    def snippet(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"evaluation": {"baselines": [{"name": self.name, **settings}]}}
