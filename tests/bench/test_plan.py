"""Cells come in the stated order, each after what it needs, none twice."""

from __future__ import annotations

import pytest

from kgrec.bench.cells import Cell, slug
from kgrec.bench.contenders import CHANNELS, CONTENDERS, contender_named
from kgrec.bench.plan import DATASETS, plan, requirements
from kgrec.errors import UserError


@pytest.mark.parametrize("final", [False, True])
def test_order(final: bool) -> None:
    cells = plan(DATASETS, 5, final=final)
    assert len(set(cells)) == len(cells)
    place = {cell: i for i, cell in enumerate(cells)}
    for cell in cells:
        assert all(place[above] < place[cell] for above in requirements(cell).values()), cell
    assert {cell.fit for cell in cells} == {"choose", "train", *(["train+valid"] if final else [])}

    def last(group: tuple[str, ...], seeds: range, datasets: tuple[str, ...] = DATASETS) -> int:
        return max(
            i
            for cell, i in place.items()
            if CONTENDERS[cell.model].group in group and cell.seed in seeds and cell.dataset in datasets
        )

    def first(group: tuple[str, ...], seeds: range, datasets: tuple[str, ...] = DATASETS) -> int:
        return min(
            i
            for cell, i in place.items()
            if CONTENDERS[cell.model].group in group and cell.seed in seeds and cell.dataset in datasets
        )

    core = ("flagship", "baseline")
    assert last(core, range(3)) < first(("zoo",), range(5))
    assert last(("zoo",), range(1), ("ml-100k",)) < first(core, range(3, 5))
    assert last(core, range(5)) < first(("zoo",), range(1), ("lastfm",))
    assert last(("zoo",), range(1), ("lastfm",)) < first(("zoo",), range(1, 3))


def test_seeds_only_where_they_matter() -> None:
    cells = plan(("lastfm",), 4, models=["EASE", "iALS"])
    assert [cell.seed for cell in cells if cell.model == "EASE" and cell.fit == "train"] == [0]
    assert [cell.seed for cell in cells if cell.model == "iALS" and cell.fit == "train"] == [0, 1, 2, 3]
    assert [cell.model for cell in cells if cell.fit == "choose"] == ["EASE", "iALS"]


def test_the_reference_is_always_there() -> None:
    cells = plan(("lastfm",), 1, models=["Popularity"], final=True)
    assert cells == [
        Cell("lastfm", "EASE", "choose", 0),
        Cell("lastfm", "EASE", "train", 0),
        Cell("lastfm", "EASE", "train+valid", 0),
        Cell("lastfm", "Popularity", "train", 0),
        Cell("lastfm", "Popularity", "train+valid", 0),
    ]


def test_names() -> None:
    assert contender_named("ials").name == "iALS"
    with pytest.raises(UserError, match="did you mean 'LightGCN'"):
        contender_named("LightGNC")


def test_names_can_be_typed_and_filed() -> None:
    assert not [name for name in CONTENDERS if "," in name]  # --models A,B
    assert len({slug(name).casefold() for name in CONTENDERS}) == len(CONTENDERS)
    assert contender_named("FLOW - ease>similar").name == "flow − ease>similar"


def test_repeated_fits_of_one_seed_only() -> None:
    cells = plan(("lastfm",), 3)
    seeds = {cell.seed for cell in cells if cell.model == "flow − kg (gates refitted)"}
    assert seeds == {0}
    assert {cell.seed for cell in cells if cell.model == "flow − kg"} == {0, 1, 2}


def test_every_channel_is_taken_out_once() -> None:
    from kgrec.flow.channels import OWN

    assert {builder.name for builder in OWN} == set(CHANNELS)
    assert all(CONTENDERS[f"flow − {name}"].cut_from == "flow" for name in CHANNELS)
