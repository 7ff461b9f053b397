"""Which nodes may be recommended."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.config import Recipe
from kgrec.progress import SILENT, Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kgrec.dataset.snapshot import Snapshot


def allowed_of(snapshot: Snapshot, recipe: Recipe) -> NDArray[np.bool_]:
    """The items that a recipe's lists are made of: bool ``[num_items]``."""
    import numpy as np

    mask = candidates_of(snapshot, recipe)
    return np.ones(snapshot.num_items, dtype=bool) if mask is None else mask


def candidates_of(
    snapshot: Snapshot,
    recipe: Recipe,
    wanted: Path | Iterable[str] | None = None,
    node_type: str | None = None,
    progress: Progress = SILENT,
) -> NDArray[np.bool_] | None:
    """Bool mask over the ranked type, or None where every node is a candidate.

    Args:
        wanted: a file with one id a line, or ids; by default what the recipe evaluates.
        node_type: the ranked type; items by default.
        progress: is told which ids of a file are unknown.

    Raises:
        UnknownIdError: an id that was given as such does not exist.
        DataError: the file cannot be read or names nothing known.
    """
    from kgrec.recommend import candidate_mask, read_candidates

    if isinstance(wanted, Path):
        return read_candidates(wanted, snapshot, node_type, progress)
    if wanted is not None:
        mask, unknown = candidate_mask(snapshot, wanted, node_type)
        if unknown:
            raise snapshot.unknown("candidate", node_type or snapshot.item_type, unknown[0])
        return mask
    if node_type in (None, snapshot.item_type) and recipe.evaluation.candidates == "interacted":
        return snapshot.interacted()
    return None
