"""``kgrec export``"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kgrec.cli.common import Data, Recipe, RunDir, open_run, say


class Target(StrEnum):
    """What other tools read."""

    nt = "nt"
    ttl = "ttl"
    parquet = "parquet"
    hetero = "hetero"
    triples = "triples"


def export(
    recipe: Recipe,
    to: Annotated[Target, typer.Option("--to", help="Format.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="F", help="File (parquet: folder).", show_default=False)],
    data: Data = None,
    run_dir: RunDir = None,
) -> None:
    """The graph for other tools: RDF, Parquet, PyG tensors, PyKEEN triples."""
    open_run(recipe, data, run_dir).export(to.value, out)
    say(f"wrote {out}")
