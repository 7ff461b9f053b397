"""The graph for other tools."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from kgrec.config import Recipe
from kgrec.errors import UserError


def export(
    recipe: Recipe,
    folders: Mapping[str, Path],
    to: Literal["nt", "ttl", "parquet", "hetero", "triples"],
    out: Path,
) -> None:
    """Writes a file (``parquet``: a folder); it appears whole or not at all.

    Args:
        recipe: for the store's base IRI.
        folders: stage → folder, of the stages that are current; ``hetero`` takes the features that there are.
        to: the format.
        out: where to.
    """
    if not out.resolve().parent.is_dir():
        raise UserError("the folder of the output file does not exist", file=out)
    if to == "nt" or to == "ttl":
        from kgrec.pipeline.graph import open_store
        from kgrec.store import export_quads

        with open_store(recipe, folders["store"]) as store:
            export_quads(store.quads(), out, to)
        return
    from kgrec.dataset.export import export as export_snapshot
    from kgrec.dataset.features import load_features
    from kgrec.dataset.snapshot import Snapshot

    features = {
        name: load_features(folders[stage])
        for name, stage in (("text", "text"), ("kg", "embedding"))
        if stage in folders
    }
    export_snapshot(Snapshot.open(folders["snapshot"]), to, out, features)
