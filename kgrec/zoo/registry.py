"""Models by name or class, their settings checked."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from class_resolver.utils import normalize_string
from pydantic import ValidationError

from kgrec.errors import RecipeError, nearest
from kgrec.zoo.base import ZooConfig, ZooModel
from kgrec.zoo.names import ZOO


def zoo_class(choice: str | type[ZooModel]) -> type[ZooModel]:
    """The class of a model from its name (case, ``-`` and ``_`` do not count); a class is given back.

    Raises:
        RecipeError: no model has this name; the nearest one is named.
    """
    if not isinstance(choice, str):
        return choice
    by_form = {normalize_string(name, suffix=None): name for name in ZOO}
    form = normalize_string(choice, suffix=None)
    if form not in by_form:
        close = nearest(choice, ZOO)
        raise RecipeError(
            "no model of the zoo has this name",
            column="models",
            value=choice,
            remedy=f"did you mean {close[0]!r}?" if close else f"known: {', '.join(ZOO)}",
        )
    # Only what is asked for is imported: one of the models needs PyKEEN, another timestamps, none the others.
    module, _, attribute = ZOO[by_form[form]].partition(":")
    found: type[ZooModel] = getattr(import_module(module), attribute)
    return found


def make_config(model: type[ZooModel], settings: Mapping[str, Any]) -> ZooConfig:
    """The model's configuration with these values in place of its defaults.

    Raises:
        RecipeError: an unknown key (the nearest one is named) or a value that cannot be.
    """
    known = model.Config.model_fields
    for key in settings:
        if key not in known:
            close = nearest(key, known)
            raise RecipeError(
                f"{model.name} has no such setting",
                column=key,
                remedy=f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}",
            )
    try:
        return model.Config(**settings)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise RecipeError(
            first["msg"], column=key, value=first["input"], remedy=f"a setting of {model.name}"
        ) from error
