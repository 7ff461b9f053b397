"""Remembers by which id the sources know a node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


@dataclass
class KeyIndex:
    """IRI → key of every node that a table or an interaction names by id.

    Where two sources know one node by different ids, the smaller stays, so that the order of reading does not matter.
    """

    keys: dict[str, str] = field(default_factory=dict)

    def add(self, iri: str, key: str) -> None:
        known = self.keys.get(iri)
        if known is None or key < known:
            self.keys[iri] = key

    def add_interactions(self, interactions: pl.DataFrame) -> None:
        """The users and items of a frame with user, user_iri, item and item_iri."""
        for side in ("user", "item"):
            for iri, key in interactions.select(f"{side}_iri", side).unique().iter_rows():
                self.add(iri, key)

    def frame(self) -> pl.DataFrame:
        """Columns iri and key, sorted by iri."""
        import polars as pl

        return pl.DataFrame(sorted(self.keys.items()), schema={"iri": pl.String, "key": pl.String}, orient="row")
