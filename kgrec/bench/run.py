"""The whole comparison: data, cells, results, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgrec.bench.contenders import FLAGSHIP, REFERENCE, contender_named
from kgrec.bench.plan import DATASETS, plan
from kgrec.bench.results import FILE, Results
from kgrec.bench.runner import LIMIT, Runner
from kgrec.config.folders import make_folder
from kgrec.errors import KgrecError, UserError, nearest
from kgrec.pipeline.stage import RunDirectory
from kgrec.progress import SILENT, Progress

WORK = "work"
"""Folder inside the results that keeps run directories, cells and users' figures; it tells git to ignore it."""
QUICK_MODELS = (FLAGSHIP, REFERENCE, "Popularity")


@dataclass(frozen=True)
class Asked:
    """What a comparison is asked for.

    Attributes:
        recipes: folder with a recipe a data set.
        data: data directory instead of what the recipes say.
        out: takes ``quality.json``, the pictures and the working folder.
        datasets: names of recipes; the standard ones by default.
        models: rows; by default all in the standard order.
        seeds: how many.
        final: read the test part, and log it.
        quick: a slice of the shipped data, three models, one seed.
        limit: CPU seconds a cell.
        jobs: cells at a time, one thread each.
    """

    recipes: Path = Path("recipes")
    data: Path | None = None
    out: Path = Path("benchmarks/results")
    datasets: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    seeds: int = 5
    final: bool = False
    quick: bool = False
    limit: int = LIMIT
    jobs: int = 1

    @property
    def command(self) -> str:
        """As it would be typed, without this machine's folders."""
        parts = ["kgrec bench"]
        parts += ["--data DIR"] if self.data is not None else []
        for name in ("datasets", "models"):
            values = getattr(self, name)
            parts += [f"--{name} '{','.join(values)}'"] if values else []
        parts += [] if self.quick else [f"--seeds {self.seeds}"]
        parts += [f"--{name}" for name in ("final", "quick") if getattr(self, name)]
        return " ".join(parts)


def bench(asked: Asked, progress: Progress = SILENT) -> dict[str, Any]:
    """Makes every cell that is not finished, writes ``quality.json`` after each, and returns its document.

    Raises:
        UserError: an unknown data set or model, or data at fault.
        BusyError: another process works on these results.
        KgrecError: cells broke off; the others are kept, and the next run tries these again.
    """
    models = tuple(contender_named(name).name for name in asked.models)
    make_folder(asked.out, "name another folder with --out DIR")
    work = asked.out / WORK
    make_folder(work, "name another folder with --out DIR")
    with RunDirectory(work).locked("kgrec bench"):
        (work / ".gitignore").write_text("*\n")
        recipes = _recipes(asked, work)
        if asked.quick:
            models = models or QUICK_MODELS
        runner = Runner(recipes, None if asked.quick else asked.data, work, asked.limit, asked.jobs, progress)
        cells = plan(list(recipes), 1 if asked.quick else asked.seeds, models=models or None, final=asked.final)
        results = Results(asked.out / FILE, runner, asked.command)
        for cell in runner.existing(list(recipes)):
            record = runner.finished(cell)
            assert record is not None
            results.take(cell, record, final=False, fresh=False)

        def done(cell: Any, record: dict[str, Any], fresh: bool) -> None:
            results.take(cell, record, asked.final, fresh)
            results.write()

        broken = runner.run(cells, done)
        results.write()
    document = results.document()
    from kgrec.bench.plots import draw

    draw(document, "test" if asked.final else "valid", asked.out)
    if broken:
        raise KgrecError(
            f"{len(broken)} of {len(cells)} cells broke off, the first: {broken[0]}; run again to try them"
        )
    return document


def _recipes(asked: Asked, work: Path) -> dict[str, Path]:
    """Data set → recipe."""
    if asked.quick:
        from kgrec.bench.quick import NAME, write_slice

        return {NAME: write_slice(asked.recipes, asked.data, work / "quick")}
    found = {path.stem: path for path in sorted(asked.recipes.glob("*.toml"))}
    wanted: Sequence[str] = asked.datasets or DATASETS
    for name in wanted:
        if name not in found:
            close = nearest(name, found)
            raise UserError(
                "no recipe with this name",
                file=asked.recipes,
                value=name,
                remedy=f"did you mean {close[0]!r}?" if close else "name the folder of the recipes with --recipes DIR",
            )
    return {name: found[name] for name in wanted}
