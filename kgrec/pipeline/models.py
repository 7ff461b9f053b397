"""The models that a recipe can name: what each depends on, and how a trained one is read back.

Importing this loads no framework.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgrec.config import Recipe
from kgrec.errors import RecipeError, StaleError, nearest

if TYPE_CHECKING:
    from kgrec.dataset.snapshot import Snapshot
    from kgrec.recommend.scorer import Scorer

FLOW, LINEAR = "flow", "linear"
ABOUT = "model.json"
"""In a model's folder: its name, and what it is called in tables."""
CHANNELS = "channels.json"
"""In a flow's folder: what each channel adds."""


def canonical(name: str) -> str:
    """The name of a model as it is registered; case, ``-`` and ``_`` do not count.

    Raises:
        RecipeError: no model has this name; the nearest one is named.
    """
    if name in (FLOW, LINEAR):
        return name
    # the published models' names stand beside their numpy scorers: read only where one may be meant
    from kgrec.zoo.names import ZOO

    known = {_plain(one): one for one in (FLOW, LINEAR, *ZOO)}
    if _plain(name) not in known:
        close = nearest(name, known.values())
        raise RecipeError(
            "no model has this name",
            column="model.name",
            value=name,
            remedy=f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known.values())}",
        )
    return known[_plain(name)]


def _plain(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")


def check_model(recipe: Recipe) -> None:
    """Refuses models, channels and settings that do not exist.

    Raises:
        RecipeError: one does not; the nearest is named.
    """
    model = recipe.model
    name = canonical(model.name)
    if name in (FLOW, LINEAR):
        if model.settings:
            raise RecipeError(
                f"settings are those of published models; {name} has none",
                column="model.settings",
                value=", ".join(sorted(model.settings)),
                remedy=f"see the table{' flow' if name == FLOW else 's model and training'} of the recipe",
            )
        if name == FLOW:
            from kgrec.flow.registry import chosen

            chosen(recipe.flow.channels, recipe.flow.without)
        return
    from kgrec.zoo.registry import make_config, zoo_class

    try:
        make_config(zoo_class(name), model.settings)
    except RecipeError as error:
        raise RecipeError(
            error.problem,
            column=f"model.settings.{error.column}",
            value=error.value,
            expected=error.expected,
            remedy=error.remedy,
        ) from error


def vectors_of(recipe: Recipe) -> tuple[bool, bool]:
    """Whether the recipe's model reads text vectors and whether it reads the knowledge-graph embedding."""
    text, kg = recipe.text.enabled, recipe.embedding.enabled and recipe.model.kg
    name = canonical(recipe.model.name)
    if name == LINEAR:
        return text and recipe.model.input.text, kg and recipe.model.input.neighbours != "off"
    if name == FLOW:
        wanted = not recipe.flow.channels or "embedding" in recipe.flow.channels
        return text, kg and wanted and "embedding" not in recipe.flow.without
    return text, kg


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """What the recipe says to its model, but for where it is trained."""
    name = canonical(recipe.model.name)
    if name == LINEAR:
        settings = recipe.model_dump(mode="json", include={"model": True, "seed": True, "training": True})
        settings["training"] = {k: v for k, v in settings["training"].items() if k not in WHERE_NOT_WHAT}
        del settings["model"]["settings"]
        return settings
    about = {"name": name, "kg": recipe.model.kg}
    if name == FLOW:
        return {"model": about, **recipe.model_dump(mode="json", include={"flow", "seed"})}
    return {"model": {**about, "settings": recipe.model.settings}, "seed": recipe.seed}


WHERE_NOT_WHAT = {"device", "devices", "threads"}
"""Training settings that say where it runs: they do not make an earlier result stale."""


def code_of(recipe: Recipe) -> tuple[str, ...]:
    """The modules whose source decides what the recipe's model is when trained."""
    name = canonical(recipe.model.name)
    shared = ("kgrec.metrics", "graph_builders", "kgrec.pipeline.train", "kgrec.pipeline.models")
    if name == FLOW:
        return ("kgrec.flow", "kgrec.training.validation", *shared)
    if name == LINEAR:
        return ("kgrec.models", "kgrec.training", "kgrec.recommend.linear", *shared)
    return ("kgrec.zoo", "kgrec.training", *shared)


def title_of(recipe: Recipe) -> str:
    """What the recipe's model is called in tables."""
    name = canonical(recipe.model.name)
    title = {FLOW: "kgrec flow", LINEAR: "kgrec"}.get(name, name)
    return title if recipe.model.kg else f"{title} without KG"


def write_about(folder: Path, recipe: Recipe) -> None:
    """Notes in a trained model's folder which one it is."""
    about = {"name": canonical(recipe.model.name), "title": title_of(recipe)}
    (folder / ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")


def load_scorer(folder: Path, snapshot: Snapshot) -> Scorer:
    """The trained model of a model stage, ready to score.

    Raises:
        StaleError: there is none, or it cannot be read.
    """
    try:
        about = json.loads((folder / ABOUT).read_text())
        name, title = about["name"], about["title"]
    except (OSError, ValueError, KeyError) as error:
        raise StaleError("no trained model here", file=folder, remedy="run `kgrec train RECIPE`") from error
    if name == FLOW:
        from kgrec.flow import Flow

        return replace(Flow.load(folder).scorer(snapshot), name=title)
    if name == LINEAR:
        from kgrec.recommend.linear import LinearScorer, Propagation

        return LinearScorer(Propagation.load(folder))
    from kgrec.zoo import load_zoo

    published: Any = load_zoo(folder, snapshot)
    named: Scorer = replace(published, name=title)
    return named
