"""A snapshot after an intervention: other edges, other interactions of one user, everything else as it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from kgrec.dataset.snapshot import EDGES_SCHEMA, INTERACTIONS_SCHEMA, Snapshot
from kgrec.effects.facts import ENDS
from kgrec.effects.intervention import Fact, Intervention

ORIGIN = "what-if"
"""Source of added facts."""


def edited(snapshot: Snapshot, user: int, intervention: Intervention) -> Snapshot:
    """The snapshot with one user's training interactions and the graph's facts changed.

    Facts go whatever sources tell them.  An added interaction is the user's latest and has no rating.

    Args:
        snapshot: stays as it is.
        user: id.
        intervention: what goes and what comes; what is not there is not taken away.
    """
    edges, pairs = snapshot.edges, snapshot.interactions
    if intervention.drop_facts:
        edges = edges.join(_frame(intervention.drop_facts), on=ENDS, how="anti", maintain_order="left")
    if intervention.add_facts:
        edges = pl.concat([edges, _frame(intervention.add_facts)]).sort(edges.columns)
    own = (pl.col("user") == user) & (pl.col("split") == "train")
    if intervention.drop_items:
        pairs = pairs.filter(~(own & pl.col("item").is_in(sorted(intervention.drop_items))))
    if intervention.add_items:
        last = pairs.filter(own)["timestamp"].max()
        rows = [(user, item, None, last, "train") for item in sorted(intervention.add_items)]
        added = pl.DataFrame(rows, schema=INTERACTIONS_SCHEMA, orient="row")
        pairs = pl.concat([pairs, added]).sort("user", "item", maintain_order=True)
    return replace(snapshot, edges=edges, interactions=pairs)


def _frame(facts: Iterable[Fact]) -> pl.DataFrame:
    rows = [(*fact.source, fact.relation, *fact.target, ORIGIN) for fact in sorted(facts)]
    return pl.DataFrame(rows, schema=EDGES_SCHEMA, orient="row")
