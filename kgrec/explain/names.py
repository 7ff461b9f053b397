"""Nodes and relations of a snapshot as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from kgrec.dataset.snapshot import Snapshot
from kgrec.explain.types import Node
from kgrec.explain.wording import user_name


class Names:
    """Nodes by their position among all stacked types (``snapshot.offsets``).

    Args:
        snapshot: whose nodes are named.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def nodes(self, positions: Sequence[int]) -> dict[int, Node]:
        """Position → node."""
        nodes = {}
        for position, row in self._rows(positions):
            kind, label = str(row["type"]), str(row["label"] or row["key"] or row["iri"])
            if kind == self.snapshot.user_type:
                label = user_name(label, None if row["key"] is None else str(row["key"]))
            nodes[position] = Node(str(row["iri"]), kind, label)
        return nodes

    def keys(self, positions: Sequence[int]) -> dict[int, str]:
        """Position → id in the source table, IRI where it has none."""
        return {position: str(row["key"] or row["iri"]) for position, row in self._rows(positions)}

    def _rows(self, positions: Sequence[int]) -> list[tuple[int, dict[str, object]]]:
        """Rows of the node frame, which is sorted by (type, id) and so by stacked position."""
        frame = self.snapshot.nodes[list(positions)]
        return list(zip(positions, frame.iter_rows(named=True), strict=True))
