"""The published recommenders of :mod:`kgrec.zoo`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgrec.config.space import Space
from kgrec.recommend.scorer import Scorer
from kgrec.tune.models.base import Fitted, How, Tunable
from kgrec.tune.task import FitData
from kgrec.zoo import ZOO


class ZooModel(Tunable):
    """One of :data:`kgrec.zoo.ZOO`."""

    def __init__(self, name: str) -> None:
        self.name = name
        # the model's own file and what all share: a change in a neighbour's file leaves its results as they are
        module = ZOO[name].partition(":")[0]
        shared = (f"kgrec.zoo.{part}" for part in ("base", "data", "fit", "scorers", "sparse"))
        self.code = (module, *shared, "kgrec.training", "graph_builders")

    @property
    def space(self) -> Space:
        from kgrec.zoo.registry import zoo_class

        return zoo_class(self.name).Config.space

    def fit(self, data: FitData, settings: Mapping[str, Any], how: How) -> Fitted:
        from kgrec.zoo import fit_zoo

        result = fit_zoo(
            self.name,
            data.snapshot,
            settings,
            text=data.text,
            kg=data.kg,
            seed=how.seed,
            device=how.device,
            progress=how.progress,
        )
        return Fitted(result.scorer, {"epoch": result.epoch})

    def refit(self, data: FitData, settings: Mapping[str, Any], choices: Mapping[str, Any], how: How) -> Scorer:
        # There is no validation part left to stop on: as many epochs as were best.
        return self.fit(data, {**settings, "epochs": choices["epoch"]}, how).scorer

    def snippet(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"model": {"name": self.name, "settings": dict(settings)}}
