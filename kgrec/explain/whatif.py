"""A list before and after an intervention, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import FlowEffects, Intervention, Person, Ranking


@dataclass(frozen=True)
class Listed:
    """One item of a list.

    Attributes:
        rank: from 1.
        item: id in the source table (the IRI where no table names it); label: what people call it.
        score: the model's.
        other_rank: place in the other list's whole ranking; None where it may not stand there.
    """

    rank: int
    item: str
    label: str
    score: float
    other_rank: int | None

    def to_dict(self) -> dict[str, Any]:
        return {"rank": self.rank, "item": self.item, "label": self.label, "score": self.score}


@dataclass(frozen=True)
class WhatIf:
    """The list as it is and as it would be.

    Attributes:
        before, after: both lists.
        notes: what the reader should know besides.
    """

    before: tuple[Listed, ...]
    after: tuple[Listed, ...]
    notes: tuple[str, ...] = ()

    @property
    def moved(self) -> tuple[tuple[Listed, int | None, int | None], ...]:
        """Items of either list whose place changes: the item, its place before and after; largest moves first."""
        found: list[tuple[Listed, int | None, int | None]] = [
            (one, one.rank, one.other_rank) for one in self.before if one.rank != one.other_rank
        ]
        inside = {one.item for one in self.before}
        found += [(one, one.other_rank, one.rank) for one in self.after if one.item not in inside]
        return tuple(sorted(found, key=lambda move: (-_distance(move[1], move[2]), move[0].item)))

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of ``kgrec what-if --json``."""
        return {
            "before": [one.to_dict() for one in self.before],
            "after": [one.to_dict() for one in self.after],
            "moved": [
                {"item": one.item, "label": one.label, "rank_before": before, "rank_after": after}
                for one, before, after in self.moved
            ],
            "notes": list(self.notes),
        }


def what_if(
    effects: FlowEffects,
    person: Person,
    intervention: Intervention,
    known: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    k: int,
) -> WhatIf:
    """What would be recommended; nothing is trained, nothing that is stored changes.

    Args:
        effects: of the model.
        person: whose list.
        intervention: what is taken away and added.
        known: items that stay out of the list before and after; what is taken away is not recommended back.
        allowed: which items may be recommended, bool ``[num_items]``.
        k: length of the list.

    Raises:
        UserError: see :meth:`kgrec.effects.flow.FlowEffects.check`.
    """
    effects.check(person, intervention)
    before_after = rankings(allowed, known, intervention)
    lists = list(zip(before_after, (effects.score(person), effects.score(person, intervention))))
    before, after = side_by_side(item_names(effects.snapshot), lists[0], lists[1], k)
    notes = []
    if set(person.items.tolist()) <= intervention.drop_items and not intervention.add_items and len(person.items):
        notes.append("Nothing of the history is left: popularity alone ranks.")
    if len(intervention.add_facts) and not _any_known(effects, intervention):
        notes.append("No two items shared the nodes of the added facts: the model gives such links no weight.")
    return WhatIf(before, after, tuple(notes))


def rankings(
    allowed: NDArray[np.bool_], known: NDArray[np.int64], intervention: Intervention
) -> tuple[Ranking, Ranking]:
    """What may stand in a list before and after an intervention: nothing that the person knows or is given."""
    before = allowed.copy()
    before[known] = False
    after = before.copy()
    after[sorted(intervention.add_items)] = False
    return Ranking(before), Ranking(after)


Scored = tuple[Ranking, NDArray[np.float32]]
"""Which items may stand in a list, and their scores."""


def side_by_side(
    names: pl.DataFrame, before: Scored, after: Scored, k: int
) -> tuple[tuple[Listed, ...], tuple[Listed, ...]]:
    """The best k of two rankings, each with the place in the other.

    Args:
        names: of the items (:func:`item_names`).
        before, after: what is ranked.
        k: length of the lists.
    """
    found = []
    for (ranking, scores), (other, others) in ((before, after), (after, before)):
        top = ranking.top(scores, k)
        found.append(
            tuple(
                Listed(n, *_name(names, int(item)), float(scores[item]), other.place(others, int(item)))
                for n, item in enumerate(top, 1)
            )
        )
    return found[0], found[1]


def _any_known(effects: FlowEffects, intervention: Intervention) -> bool:
    from kgrec.effects.links import links_of

    graph = effects.graph
    if graph is None:
        return False
    ends = {end for fact in intervention.add_facts for end in (fact.source, fact.target) if end[0] == graph.item_type}
    keys = {key for end in ends for key in links_of(end, intervention.add_facts)}
    columns = [graph.column[key] for key in keys if key in graph.column]
    return bool(graph.links.shared[columns].any())


def item_names(snapshot: Snapshot) -> pl.DataFrame:
    """Ids and labels of the items, a row each."""
    return snapshot.of_type(snapshot.item_type).select(
        item=pl.coalesce("key", "iri"), label=pl.coalesce("label", "key", "iri")
    )


def _name(names: pl.DataFrame, item: int) -> tuple[str, str]:
    key, label = names.row(item)
    return str(key), str(label)


def _distance(before: int | None, after: int | None) -> int:
    return 1_000_000 if before is None or after is None else abs(before - after)
