"""``kgrec tune``"""

from __future__ import annotations

from typing import Annotated

import typer

from kgrec.cli.common import Data, Device, Json, Recipe, RunDir, print_json, say


def tune(
    recipe: Recipe,
    trials: Annotated[
        int, typer.Option("--trials", metavar="N", min=1, help="Finished trials in all; earlier runs' count.")
    ] = 50,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME", help="Another model or a baseline.", show_default=False),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="S", min=0, help="Begin no trial after S seconds.", show_default=False),
    ] = None,
    data: Data = None,
    run_dir: RunDir = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Looks for better settings on validation data; goes on where it was stopped."""
    from kgrec.progress import terminal_progress
    from kgrec.tune.run import tune_recipe

    result = tune_recipe(
        recipe,
        trials,
        model=model,
        timeout=timeout,
        data=data,
        run_dir=run_dir,
        device=device or "cpu",
        progress=terminal_progress(),
    )
    if json:
        print_json(result)
        return
    say(f"# {result['model']}: validation NDCG@10 {result['ndcg@10']:.4f}, best of {len(result['trials'])} trials")
    say(result["toml"].rstrip())
