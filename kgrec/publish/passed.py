"""What a snapshot knows of the edges that published paths pass."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.explain.types import Node


class Passed:
    """Looks edges up.

    Args:
        snapshot: with which the paths were made.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def origins(self, source: Node, relation: str, target: Node) -> list[str]:
        """Names of the sources that state a fact, sorted; none where it is no edge of the graph."""
        codes, origins = self._facts[source.type, relation, target.type]
        return origins[_span(codes, self._code(source, target))].to_list()

    def interaction(self, user: Node, item: Node) -> tuple[float | None, int | None]:
        """Value and time (seconds since 1970) of a training interaction.

        Raises:
            KeyError: there is none.
        """
        codes, rows = self._interactions
        found = rows[_span(codes, self._code(user, item))]
        if found.is_empty():
            raise KeyError((user.id, item.id))
        value, at = found.row(0)
        return value, at

    def _code(self, source: Node, target: Node) -> int:
        row, column = self._ids[source.type][source.id], self._ids[target.type][target.id]
        return row * self.snapshot.num_nodes[target.type] + column

    @cached_property
    def _ids(self) -> dict[str, dict[str, int]]:
        """Node type → IRI → id."""
        snapshot = self.snapshot
        return {kind: dict(snapshot.of_type(kind).select("iri", "id").iter_rows()) for kind in snapshot.num_nodes}

    @cached_property
    def _facts(self) -> dict[tuple[str, str, str], tuple[NDArray[np.int64], pl.Series]]:
        """(source type, relation, target type) → one sorted number an edge, and where it comes from."""
        found = {}
        for (source, relation, target), part in self.snapshot.edges.group_by("source_type", "relation", "target_type"):
            code = pl.col("source") * self.snapshot.num_nodes[str(target)] + pl.col("target")
            ordered = part.select(code.alias("code"), "origin").sort("code", "origin")
            found[str(source), str(relation), str(target)] = ordered["code"].to_numpy(), ordered["origin"]
        return found

    @cached_property
    def _interactions(self) -> tuple[NDArray[np.int64], pl.DataFrame]:
        """One sorted number a training interaction, and its value and time."""
        pairs = self.snapshot.pairs("train").sort("user", "item")
        code = pairs["user"] * self.snapshot.num_items + pairs["item"]
        return code.to_numpy(), pairs.select("value", "timestamp")


def _span(codes: NDArray[np.int64], code: int) -> slice:
    return slice(int(np.searchsorted(codes, code)), int(np.searchsorted(codes, code, side="right")))
