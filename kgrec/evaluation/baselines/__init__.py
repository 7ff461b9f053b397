"""Baselines by name.

Each stands in a file of its own, is a frozen configuration and, fitted on training interactions, a scorer of
histories like the model itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from kgrec.errors import RecipeError, nearest
from kgrec.evaluation.baselines.base import Baseline, CannotFitError
from kgrec.evaluation.baselines.ease import EASE
from kgrec.evaluation.baselines.ials import IALS
from kgrec.evaluation.baselines.item_knn import ItemKNN
from kgrec.evaluation.baselines.popularity import Popularity
from kgrec.evaluation.baselines.recency import EASERecency, recency_weights
from kgrec.evaluation.baselines.rp3beta import RP3beta

BASELINES: Mapping[str, type[Baseline]] = {
    "Popularity": Popularity,
    "ItemKNN": ItemKNN,
    "EASE": EASE,
    "RP3beta": RP3beta,
    "iALS": IALS,
}


def make_baseline(settings: Mapping[str, Any]) -> Baseline:
    """A baseline from a recipe's row, for example ``{"name": "EASE", "l2": 250}``.

    Raises:
        RecipeError: unknown name or parameter (the nearest known one is named), or a value that cannot be.
    """
    parameters = dict(settings)
    name = parameters.pop("name", None)
    if name not in BASELINES:
        close = nearest(str(name), BASELINES)
        raise RecipeError(
            "no baseline with this name" if name is not None else "a baseline needs a name",
            column="evaluation.baselines",
            value=name,
            remedy=f"did you mean {close[0]!r}?" if close else f"known: {', '.join(BASELINES)}",
        )
    kind = BASELINES[name]
    for key in parameters:
        if key not in kind.model_fields:
            close = nearest(key, kind.model_fields)
            known = ", ".join(kind.model_fields) or "none"
            raise RecipeError(
                f"{name} has no such parameter",
                column=f"evaluation.baselines.{key}",
                remedy=f"did you mean {close[0]!r}?" if close else f"known here: {known}",
            )
    try:
        return kind(**parameters)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise RecipeError(
            first["msg"], column=f"evaluation.baselines.{key}", value=first["input"], remedy=f"a parameter of {name}"
        ) from error


__all__ = [
    "BASELINES",
    "EASE",
    "IALS",
    "Baseline",
    "CannotFitError",
    "EASERecency",
    "ItemKNN",
    "Popularity",
    "RP3beta",
    "make_baseline",
    "recency_weights",
]
