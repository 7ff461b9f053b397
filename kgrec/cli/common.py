"""What the commands share: their arguments, their output, their way out on an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgrec.errors import UserError

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run

Recipe = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe, a TOML file.", show_default=False)]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Where the recipe's files are.", show_default=False)
]
RunDir = Annotated[
    Path | None, typer.Option("--run-dir", metavar="DIR", help="Where artefacts go.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Lang = Annotated[
    str | None,
    typer.Option("--lang", metavar="en|zh", help="Language of the sentences.", show_default="the recipe's"),
]
Device = Annotated[
    str | None, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 …", show_default=False)
]
Devices = Annotated[
    int | None, typer.Option("--devices", min=1, help="How many devices train together (DDP).", show_default=False)
]
Store = Annotated[
    str | None,
    typer.Option("--store", metavar="STORE", help="oxigraph, neo4j, or neo4j://host:port.", show_default=False),
]
Bulk = Annotated[bool, typer.Option("--bulk", help="Load an empty managed Neo4j server by its import tool.")]


def open_run(
    recipe: Path,
    data: Path | None,
    run_dir: Path | None,
    device: str | None = None,
    devices: int | None = None,
    store: str | None = None,
    bulk: bool = False,
) -> Run:
    """The run of a recipe; nothing is made yet."""
    from kgrec.pipeline.run import open_run

    return open_run(recipe, data=data, run_dir=run_dir, device=device, devices=devices, store=store, bulk=bulk)


def check_all(all_users: bool, out: Path | None, what: str) -> None:
    """Refuses ``--all`` without a Parquet file to write ``what`` to, and such a file without ``--all``."""
    if all_users != (out is not None):
        raise UserError("--all and --out FILE go together")
    if out is not None and out.suffix.lower() != ".parquet":
        raise UserError(f"the {what} are written as Parquet", file=out, expected="a file name that ends in .parquet")


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()) -> None:
    """Aligned columns on stdout; the columns in ``right`` (by position) are right-aligned."""
    from rich.cells import cell_len

    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(cell_len(row[i]) for row in cells) for i in range(len(header))]
    for row in cells:
        line = []
        for i, cell in enumerate(row):
            gap = " " * (widths[i] - cell_len(cell))
            line.append(gap + cell if i in right else cell + gap)
        sys.stdout.write("  ".join(line).rstrip() + "\n")


def say(line: str = "") -> None:
    """One line of a result on stdout."""
    sys.stdout.write(line + "\n")
