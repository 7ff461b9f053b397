"""``kgrec init``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.cli.common import say


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the recipe.", show_default=False)],
    interactions: Annotated[
        Path, typer.Option("--interactions", metavar="F", help="Who interacted with what.", show_default=False)
    ],
    items: Annotated[
        Path | None, typer.Option("--items", metavar="F", help="A table that describes the items.", show_default=False)
    ] = None,
    rdf: Annotated[Path | None, typer.Option("--rdf", metavar="F", help="An RDF file.", show_default=False)] = None,
) -> None:
    """Look into the files and write a commented recipe that runs as it is."""
    from kgrec.ingest.sniff import write_recipe

    path = write_recipe(folder, interactions, items, rdf)
    say(f"wrote {path}")
    say(f"next: kgrec run {path}")
