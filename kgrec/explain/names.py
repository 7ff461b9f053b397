"""Nodes and relations of a snapshot as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from kgrec.dataset.snapshot import Snapshot
from kgrec.explain.types import Node
from kgrec.explain.wording import user_name

KEPT = 100_000
"""Names that are remembered."""


class Names:
    """Nodes by their position among all stacked types (``snapshot.offsets``).

    Args:
        snapshot: whose nodes are named.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._frame = snapshot.nodes.select("iri", "type", "key", "label")
        self._known: dict[int, tuple[Node, str]] = {}

    def nodes(self, positions: Sequence[int]) -> dict[int, Node]:
        """Position → node."""
        return {position: named[0] for position, named in self._named(positions)}

    def keys(self, positions: Sequence[int]) -> dict[int, str]:
        """Position → id in the source table, IRI where it has none."""
        return {position: named[1] for position, named in self._named(positions)}

    def _named(self, positions: Sequence[int]) -> list[tuple[int, tuple[Node, str]]]:
        """Nodes with their ids; rows of the node frame, which is sorted by (type, id) and so by stacked position."""
        missing = [one for one in positions if one not in self._known]
        if missing:
            if len(self._known) > KEPT:
                self._known, missing = {}, list(positions)
            # single rows of a frame are a hundred times faster than a frame of a few rows
            self._known |= {position: self._of(*self._frame.row(position)) for position in missing}
        return [(position, self._known[position]) for position in positions]

    def _of(self, iri: str, kind: str, key: str | None, label: str | None) -> tuple[Node, str]:
        named = str(label or key or iri)
        if kind == self.snapshot.user_type:
            named = user_name(named, None if key is None else str(key))
        return Node(str(iri), kind, named), str(key or iri)
