"""``kgrec unpublish``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.cli.common import Data, Json, RunDir, open_run, print_json, say
from kgrec.cli.publish import Place
from kgrec.errors import UserError


def unpublish(
    name: Annotated[str, typer.Argument(metavar="RUN", help="The run's name.", show_default=False)],
    place: Annotated[Place, typer.Option("--from", help="Out of Neo4j, or out of a run's store.")] = Place.neo4j,
    recipe: Annotated[
        Path | None,
        typer.Option(
            "--recipe", metavar="RECIPE", help="Whose store it is, or which names the server.", show_default=False
        ),
    ] = None,
    data: Data = None,
    run_dir: RunDir = None,
    json: Json = False,
) -> None:
    """Removes what a run has published, and nothing else."""
    from kgrec.pipeline.publish import unpublish

    if place is Place.rdf and recipe is None:
        raise UserError("out of whose store?", remedy="--from rdf goes with --recipe RECIPE")
    run = None if recipe is None else open_run(recipe, data, run_dir)
    removed = unpublish(name, place.value, run)
    if json:
        print_json({"run": name, "from": place.value, "explanations": removed})
    else:
        say(f"removed {removed:,} explanations of run {name}")
