"""One recipe, one model: its best settings on validation data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kgrec.errors import UserError
from kgrec.pipeline.files import code_digest, digest
from kgrec.pipeline.stage import RunDirectory
from kgrec.progress import SILENT, Progress
from kgrec.tune.models import How, model_named
from kgrec.tune.prepare import prepare
from kgrec.tune.task import validation_ndcg


def tune_recipe(
    recipe: Path,
    trials: int,
    *,
    model: str | None = None,
    timeout: float | None = None,
    data: Path | None = None,
    run_dir: Path | None = None,
    device: str = "cpu",
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Tunes a model until so many trials are finished; those of earlier runs count as long as nothing changed.

    The journal stands in ``tune/`` of the run directory, a study for each state of model, snapshot, seed and code.

    Args:
        recipe: the TOML file.
        trials: finished trials in all.
        model: instead of the recipe's.
        timeout: seconds after which no further trial is begun.
        data, run_dir: instead of what the recipe says.
        device: where models that can are trained.
        progress: shows the trials.

    Returns:
        ``{"model", "ndcg@10", "settings", "toml", "refused", "trials": [{"number", "value", "cpu_seconds",
        "settings"}]}``.

    Raises:
        UserError: recipe, data or model are at fault, or the model has nothing to tune.
        KgrecError: no trial could be finished.
    """
    from kgrec.tune.study import tune

    prepared = prepare(recipe, data, run_dir, progress=progress)
    kind = model_named(model or prepared.recipe.model.name)
    if not kind.space:
        raise UserError("this model has no settings to tune", value=kind.name)
    fit_data = prepared.open()
    fit_data.validation  # noqa: B018  without a validation part nothing can be chosen: said before anything is fitted
    seed = prepared.recipe.seed
    own = model_named(prepared.recipe.model.name) is kind
    fixed = prepared.recipe.model.settings if own else {}
    state = digest(
        {
            "snapshot": prepared.manifest("snapshot")["key"],
            "vectors": [prepared.manifest(part)["key"] for part in ("text", "embedding") if part in prepared.folders],
            "code": code_digest(kind.code),
            "recipe": prepared.recipe.model_dump(mode="json", include=set(kind.sections)),
            "fixed": fixed,
            "space": {name: repr(value) for name, value in kind.space.items()},
            "seed": seed,
        }
    )
    folder = prepared.run / "tune"
    folder.mkdir(exist_ok=True)

    def measure(settings: Mapping[str, Any]) -> float:
        with TemporaryDirectory(dir=folder) as scratch:
            fitted = kind.fit(fit_data, {**fixed, **settings}, How(Path(scratch), seed, device, keep=False))
            return validation_ndcg(fitted.scorer, fit_data)

    with RunDirectory(prepared.run).locked("kgrec tune"):
        tuned = tune(
            folder / f"{kind.name}.journal",
            f"{kind.name} {state[:12]}",
            kind.space,
            measure,
            trials=trials,
            timeout=timeout,
            seed=seed,
            progress=progress,
        )
    return {
        "model": kind.name,
        "ndcg@10": tuned.value,
        "settings": dict(tuned.best),
        "toml": to_toml(kind.snippet({**fixed, **tuned.best})),
        "refused": tuned.refused,
        "trials": [dict(trial) for trial in tuned.trials],
    }


def to_toml(content: Mapping[str, Any], section: str = "") -> str:
    """Settings as TOML: sub-sections as tables, lists of tables as such; values are numbers, strings and booleans."""
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in content.items() if _is_plain(value)]
    text = "".join(f"{line}\n" for line in lines)
    if section and lines:
        text = f"[{section}]\n{text}"
    for key, value in content.items():
        if isinstance(value, Mapping):
            inner = to_toml(value, f"{section}.{key}" if section else key)
            text += ("\n" if text and inner else "") + inner
        elif not _is_plain(value):
            for row in value:
                name = f"{section}.{key}" if section else key
                text += ("\n" if text else "") + f"[[{name}]]\n" + to_toml(row)
    return text


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool)
