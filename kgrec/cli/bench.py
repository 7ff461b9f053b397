"""``kgrec bench``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.cli.common import Data, Json, print_json, print_table, say


def bench(
    data: Data = None,
    datasets: Annotated[
        str | None, typer.Option("--datasets", metavar="A,B", help="Names of recipes.", show_default=False)
    ] = None,
    models: Annotated[
        str | None, typer.Option("--models", metavar="A,B", help="Only these rows.", show_default=False)
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="Seeds a row.")] = 5,
    final: Annotated[bool, typer.Option("--final", help="Read the test part; each reading is logged.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A slice of the shipped data, three models.")] = False,
    recipes: Annotated[Path, typer.Option("--recipes", metavar="DIR", help="Where the recipes are.")] = Path("recipes"),
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where results go.")] = Path("benchmarks/results"),
    limit: Annotated[int, typer.Option("--limit", metavar="S", min=1, help="CPU seconds a cell.")] = 600,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Cells at a time, one thread each.")] = 1,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="The table as Markdown.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """The flagship, tuned baselines and published models on every data set; goes on where it was stopped."""
    from kgrec.bench.run import Asked, bench
    from kgrec.bench.table import blocks
    from kgrec.bench.table import markdown as as_markdown
    from kgrec.progress import terminal_progress

    asked = Asked(recipes, data, out, _names(datasets), _names(models), seeds, final, quick, limit, jobs)
    document = bench(asked, terminal_progress())
    part = "test" if final else "valid"
    if markdown is not None:
        markdown.write_text(as_markdown(document, part))
    if json:
        print_json(document)
        return
    for block in blocks(document, part):
        say(f"\n{block.title}")
        print_table(block.header, block.rows, right=range(1, len(block.header)))


def _names(given: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.split(",") if name.strip()) if given else ()
