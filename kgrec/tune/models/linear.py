"""The linear graph neural network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgrec.config.recipe import Recipe
from kgrec.config.space import OneOf, Real, Space, Whole
from kgrec.recommend.linear import LinearScorer
from kgrec.recommend.scorer import Scorer
from kgrec.tune.models.base import Fitted, How, Tunable
from kgrec.tune.task import FitData

SPACE: Space = {
    "model.dim": OneOf((32, 64, 128)),
    "model.layers": Whole(1, 3),
    "model.input.dropout": Real(0.0, 0.8),
    "training.learning_rate": Real(1e-3, 3e-2, log=True),
    "training.weight_decay": Real(1e-2, 10.0, log=True),
    "training.temperature": Real(0.3, 3.0, log=True),
    "training.user_balance": Real(0.0, 1.0),
}


class LinearModel(Tunable):
    """The model ``linear`` of a recipe; settings are the recipe's keys, for example ``training.learning_rate``."""

    name = "linear"
    code = ("kgrec.models", "kgrec.training", "kgrec.recommend.linear", "graph_builders")
    sections = ("model", "training")

    @property
    def space(self) -> Space:
        return SPACE

    def fit(self, data: FitData, settings: Mapping[str, Any], how: How) -> Fitted:
        return self._train(data, settings, how)

    def refit(self, data: FitData, settings: Mapping[str, Any], choices: Mapping[str, Any], how: How) -> Scorer:
        # There is no validation part left to stop on: as many epochs as were best.
        return self._train(data, {**settings, "training.epochs": choices["epoch"]}, how).scorer

    def _train(self, data: FitData, settings: Mapping[str, Any], how: How) -> Fitted:
        from kgrec.training import train

        recipe = with_settings(data.recipe, {"model.name": self.name, **settings, "training.device": how.device})
        result = train(
            data.snapshot,
            recipe.model,
            recipe.training,
            text=data.text if recipe.model.input.text else None,
            kg=data.kg if recipe.model.kg and recipe.model.input.neighbours != "off" else None,
            seed=how.seed,
            folder=how.folder / "training",
            progress=how.progress,
        )
        return Fitted(LinearScorer(result.propagation), {"epoch": result.best_epoch})

    def snippet(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return nested({"model.name": self.name, **settings})


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """``{"a.b": 1}`` → ``{"a": {"b": 1}}``."""
    whole: dict[str, Any] = {}
    for key, value in settings.items():
        *sections, last = key.split(".")
        place = whole
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value
    return whole


def with_settings(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """The recipe with these dotted keys in place of its own values."""
    content = recipe.model_dump()
    for key, value in settings.items():
        *sections, last = key.split(".")
        place = content
        for section in sections:
            place = place[section]
        place[last] = value
    return Recipe.model_validate(content)
