"""Which cells there are, in the order in which they are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kgrec.bench.cells import Cell
from kgrec.bench.contenders import CONTENDERS, REFERENCE, Contender, Group

DATASETS = ("ml-100k", "lastfm", "lastfm-dbpedia", "ml-tmdb", "ml-tmdb-cold")
ZOO_SETS = ("ml-100k", "lastfm")
"""Data sets of the published models: one seed on the first, then the second, then more seeds."""
SEQUENTIAL, TIMED = "SASRec", "ml-tmdb"
"""The sequential model runs on the split by time, too."""
FIRST_SEEDS = 3
"""Seeds of everything but the flagship and the baselines, which get all; theirs are run first, too."""


def plan(
    datasets: Sequence[str], seeds: int, *, models: Sequence[str] | None = None, final: bool = False
) -> list[Cell]:
    """The cells in order; a cell's requirements come before it.

    Args:
        datasets: their names.
        seeds: how many, from 0.
        models: only these rows (and what they need), on every data set; all by default, in the standard order.
        final: with the fits on train and validation, which have test figures only.
    """
    cells: dict[Cell, None] = {}

    def add(rows: Sequence[Contender], wanted: Sequence[str], runs: int) -> None:
        for seed in range(min(runs, seeds)):
            for dataset in datasets:
                if dataset in wanted:
                    for row in rows:
                        if row.max_seeds is None or seed < row.max_seeds:
                            cells.update(dict.fromkeys(_cells(row, dataset, seed, final)))

    if models is not None:
        add([CONTENDERS[REFERENCE], *(CONTENDERS[name] for name in models)], datasets, seeds)
        return list(cells)
    core, zoo, ablations = _group("baseline", "flagship"), _group("zoo"), _group("ablation")
    add(core, datasets, FIRST_SEEDS)
    add(zoo, ZOO_SETS[:1], 1)
    add([CONTENDERS[SEQUENTIAL]], (TIMED,), 1)
    add(core, datasets, seeds)
    add(ablations, datasets, 1)
    add(ablations, datasets, FIRST_SEEDS)
    add(zoo, ZOO_SETS, 1)
    add(zoo, ZOO_SETS, FIRST_SEEDS)
    add([CONTENDERS[SEQUENTIAL]], (TIMED,), FIRST_SEEDS)
    return list(cells)


def _group(*groups: Group) -> list[Contender]:
    """The rows of these groups, the reference first: other rows' intervals need it."""
    rows = [row for row in CONTENDERS.values() if row.group in groups]
    return sorted(rows, key=lambda row: row.name != REFERENCE)


def _cells(row: Contender, dataset: str, seed: int, final: bool) -> Iterator[Cell]:
    if not row.model.seeded:
        seed = 0
    last = Cell(dataset, row.name, "train+valid" if final and row.refits else "train", seed)
    yield from (*reversed(list(_above(last))), last)


def _above(cell: Cell) -> Iterator[Cell]:
    for needed in requirements(cell).values():
        yield needed
        yield from _above(needed)


def requirements(cell: Cell) -> Mapping[str, Cell]:
    """The cells that must be finished before this one: ``choices``, ``fitted``, ``cut_from``."""
    row = CONTENDERS[cell.model]
    if cell.fit == "choose":
        return {}
    if cell.fit == "train+valid":
        return {"fitted": Cell(cell.dataset, cell.model, "train", cell.seed)}
    needed = {}
    if row.model.grid:
        needed["choices"] = Cell(cell.dataset, cell.model, "choose", 0)
    if row.cut_from is not None:
        needed["cut_from"] = Cell(cell.dataset, row.cut_from, "train", cell.seed)
    return needed
