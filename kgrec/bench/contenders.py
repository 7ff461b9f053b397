"""What stands in the table: models as they are, and the flagship with one thing taken out at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from kgrec.bench.controls import shuffled_graph, shuffled_vectors, without_relations
from kgrec.errors import UserError, nearest
from kgrec.evaluation.baselines import BASELINES
from kgrec.tune.models import MODELS, Tunable
from kgrec.tune.models.flow import CutFlow
from kgrec.tune.task import FitData
from kgrec.zoo import ZOO

Group = Literal["flagship", "baseline", "zoo", "ablation"]
FLAGSHIP = "flow"
REFERENCE = "EASE"
"""What differences are taken to."""
KGE_MODELS = ("ComplEx", "DistMult", "RotatE")
"""PyKEEN models beside the recipes' TransE."""
CHANNELS = (
    "ease",
    "rp3",
    "low",
    "learned",
    "kg",
    "around",
    "text",
    "embedding",
    "ease>similar",
    "similar>low",
    "sequence",
    "transition",
    "content",
)
"""The flagship's families of channels, each of which is taken out once."""
QUICK = ("ease", "rp3")
"""What is fitted in seconds: closed form, without vectors."""


@dataclass(frozen=True)
class Contender:
    """One row of the table.

    Attributes:
        name: of the row.
        group: which part of the table.
        model: what is fitted.
        settings: what is fixed; what a baseline's grid chooses is added.
        alter: changes the data before the fit.
        kge: PyKEEN model of the KG vectors, instead of the recipe's.
        refits: whether there is a row fitted on train and validation.
        reads_vectors: whether text and KG vectors are part of what it learns from.
        cut_from: row whose fitted model this one is made from.
        max_seeds: it is run with no more.
        compared_with: row beside the reference to which its difference is told.
    """

    name: str
    group: Group
    model: Tunable
    settings: Mapping[str, Any] = field(default_factory=dict)
    alter: Callable[[FitData], FitData] | None = None
    kge: str | None = None
    refits: bool = True
    reads_vectors: bool = True
    cut_from: str | None = None
    max_seeds: int | None = None
    compared_with: str | None = None


def _shuffled(data: FitData) -> FitData:
    snapshot, kg = data.snapshot, data.read_kg
    return replace(
        data,
        snapshot=shuffled_graph(snapshot),
        read_kg=None if kg is None else lambda: shuffled_vectors(snapshot, kg()),
    )


def _without_graph(data: FitData) -> FitData:
    return replace(data, snapshot=without_relations(data.snapshot), read_kg=None)


ALTERED: Mapping[str, Callable[[FitData], FitData]] = {
    "no text": lambda data: replace(data, read_text=None),
    "no KG vectors": lambda data: replace(data, read_kg=None),
    "no KG relations": lambda data: replace(data, snapshot=without_relations(data.snapshot)),
    "no KG": _without_graph,
    "shuffled KG": _shuffled,
}
"""Ablation → what is done to the data."""


def _contenders() -> dict[str, Contender]:
    rows = [Contender(name, "baseline", MODELS[name], reads_vectors=False) for name in (*BASELINES, "EASE + recency")]
    rows += [Contender(name, "zoo", MODELS[name]) for name in ZOO]
    rows.append(Contender("linear", "zoo", MODELS["linear"]))
    rows += _flagship()
    return {row.name: row for row in rows}


def _flagship() -> list[Contender]:
    """The flagship and its ablations: cheap ones first, then whole fits with something missing."""
    flow = MODELS[FLAGSHIP]
    rest: dict[str, Any] = {"group": "ablation", "refits": False, "compared_with": FLAGSHIP}
    return [
        Contender(FLAGSHIP, "flagship", flow),
        Contender("flow (quick)", model=flow, settings={"channels": [*QUICK], "dial": False}, **rest),
        *(Contender(f"flow − {name}", model=CutFlow(name), cut_from=FLAGSHIP, **rest) for name in CHANNELS),
        *(Contender(f"flow ({what})", model=flow, alter=alter, **rest) for what, alter in ALTERED.items()),
        *(Contender(f"flow ({kge} vectors)", model=flow, kge=kge, **rest) for kge in KGE_MODELS),
        *(
            Contender(f"flow − {name} (gates refitted)", model=flow, settings={"without": [name]}, max_seeds=1, **rest)
            for name in CHANNELS
        ),
    ]


CONTENDERS: Mapping[str, Contender] = _contenders()
"""Name → row, all that there are."""


def contender_named(name: str) -> Contender:
    """The row of this name; case does not count, and a hyphen may stand for the minus sign.

    Raises:
        UserError: there is none; the nearest is named.
    """
    by_fold = {_folded(known): row for known, row in CONTENDERS.items()}
    if _folded(name) not in by_fold:
        close = nearest(name, CONTENDERS)
        raise UserError(
            "no row of the table has this name",
            value=name,
            remedy=f"did you mean {close[0]!r}?" if close else f"known: {', '.join(CONTENDERS)}",
        )
    return by_fold[_folded(name)]


def _folded(name: str) -> str:
    return name.casefold().replace("−", "-")
