"""Which rows of side tables (tags, reviews) the split holds out.

A row that somebody wrote about an item must not tell the model what the split hides: neither that the pair exists,
nor what happened after the cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from kgrec.config import Recipe


@dataclass(frozen=True)
class HeldOut:
    """What the split hides.

    Attributes:
        pairs: columns user, item: the held-out pairs.
        cuts: columns user, cut: rows of this user from this time on are hidden (per-user split by time).
        cut: rows of everybody from this time on are hidden (global split by time).
        items: items that nobody is known to have met (cold split).
    """

    pairs: pl.DataFrame
    cuts: pl.DataFrame | None = None
    cut: int | None = None
    items: frozenset[str] = frozenset()

    @classmethod
    def of(cls, interactions: pl.DataFrame, recipe: Recipe) -> HeldOut:
        """From the parted interactions of :func:`kgrec.dataset.splits.split`.

        Given parts count as a per-user split by time where each user's training interactions all come before the
        held-out ones.
        """
        hidden = interactions.filter(pl.col("split") != "train")
        kind = recipe.split.kind
        cuts = hidden.group_by("user").agg(cut=pl.col("timestamp").min()).sort("user")
        if kind == "files":
            kind = "last" if _by_time(interactions, cuts) else kind
        return cls(
            pairs=hidden.select("user", "item"),
            cuts=cuts if kind == "last" else None,
            cut=hidden["timestamp"].min() if kind == "time" else None,  # type: ignore[arg-type]
            items=frozenset(hidden["item"]) if kind == "cold" else frozenset(),
        )

    @classmethod
    def nothing(cls) -> HeldOut:
        """Hides nothing."""
        return cls(pl.DataFrame(schema={"user": pl.String, "item": pl.String}))

    def hides(self, rows: pl.DataFrame) -> pl.Series:
        """Which rows are hidden.

        Args:
            rows: columns item (key), user (key or null where nobody is named) and timestamp (seconds or null).

        Returns:
            Boolean series; in a split by time a row whose own time is unknown is hidden where its user has a cut.
        """
        rows = rows.select("user", "item", "timestamp").with_row_index("n")
        pair = rows.join(self.pairs.with_columns(pair=True), on=["user", "item"], how="left", maintain_order="left")
        hidden = pair["pair"].fill_null(False)
        if self.cuts is not None:
            cut = rows.join(self.cuts, on="user", how="left", maintain_order="left")
            hidden |= cut.select(
                (pl.col("timestamp") >= pl.col("cut")).fill_null(pl.col("cut").is_not_null())
            ).to_series()
        if self.cut is not None:
            hidden |= (rows["timestamp"] >= self.cut).fill_null(True)
        if self.items:
            cold = rows["item"].is_in(pl.Series(sorted(self.items)).implode())
            hidden |= cold & rows["user"].is_not_null()
        return hidden


def _by_time(interactions: pl.DataFrame, cuts: pl.DataFrame) -> bool:
    if cuts.is_empty() or interactions["timestamp"].null_count():
        return False
    train = interactions.filter(pl.col("split") == "train").join(cuts, on="user")
    return bool((train["timestamp"] <= train["cut"]).all())
