"""New items beside a run's trained flow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.config import Recipe
from kgrec.config.cache import cache_dir
from kgrec.errors import UserError
from kgrec.progress import SILENT, Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kgrec.dataset.snapshot import Snapshot
    from kgrec.recommend import Scorer
    from kgrec.recommend.new_items import NewItem
    from kgrec.recommend.newcomers import Arrivals


def make_arrivals(
    recipe: Recipe,
    snapshot: Snapshot,
    scorer: Scorer,
    text: Path | None,
    items: Sequence[NewItem],
    progress: Progress = SILENT,
) -> Arrivals:
    """New items with the flows of a trained model into them.

    Args:
        recipe: says how texts are encoded.
        snapshot: what the model was trained on.
        scorer: the model.
        text: folder of the text vectors that the model was trained with; None where it read none.
        items: the new ones.
        progress: is told which links are unknown, and of which items nothing is known; shows the encoding.

    Raises:
        UserError: the model is no flow, the encoder is not installed, or an item is in the snapshot.
    """
    from kgrec.dataset.features import load_features
    from kgrec.flow.model import FlowScorer
    from kgrec.flow.newcomer import Newcomers, NewItems
    from kgrec.flow.part import Part
    from kgrec.recommend.new_items import link_matrix, text_matrix
    from kgrec.recommend.newcomers import Arrivals

    if not isinstance(scorer, FlowScorer):
        raise UserError(f"{scorer.name} cannot place items that it was not trained with", remedy='model.name = "flow"')

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        from kgrec.text import encode_texts

        return encode_texts(texts, recipe.text, cache_dir() / "text", recipe.training.device, progress)

    def text_of(item: NewItem) -> str | None:
        from kgrec.text.vectors import text_of

        return text_of(item.id, item.id, item.label, item.text, labels=recipe.text.labels)

    vectors = None if text is None else load_features(text)
    flow = scorer.flow
    part = Part.of(snapshot, vectors, None, flow.config.neighbours, flow.config.max_dense, flow.link_axes)
    links = link_matrix(snapshot, part.content.links, items, progress)
    known = part.content.text
    texts = None if known is None else text_matrix(items, known.shape[1], text_of, encode)
    for n, item in enumerate(items):
        linked = links is not None and links.indptr[n] < links.indptr[n + 1]
        if not linked and (texts is None or not texts[n].any()):
            progress.say(f"{item.id}: neither a text nor a link is known of it, so that nobody is ahead of anybody")
    new = NewItems(part.content, links, texts, len(items))
    return Arrivals(tuple(items), Newcomers.of(scorer, part, new), snapshot)
