"""Models by name."""

from __future__ import annotations

from typing import Any

from torch_geometric.data import HeteroData

from kgrec.config.recipe import ModelConfig
from kgrec.errors import RecipeError, nearest
from kgrec.models.linear import LinearPropagation

MODELS: dict[str, type[LinearPropagation]] = {"linear": LinearPropagation}


def create_model(
    choice: str | type[LinearPropagation] | LinearPropagation, data: HeteroData, config: ModelConfig, **settings: Any
) -> LinearPropagation:
    """A model from its name, its class or an instance; the other arguments are those of the class.

    Raises:
        RecipeError: no model has this name; the nearest one is named.
    """
    if isinstance(choice, LinearPropagation):
        return choice
    if isinstance(choice, str):
        if choice not in MODELS:
            close = nearest(choice, MODELS) or list(MODELS)
            raise RecipeError(
                "no model has this name", column="model.name", value=choice, remedy=f"did you mean {close[0]!r}?"
            )
        choice = MODELS[choice]
    return choice(data, config, **settings)
