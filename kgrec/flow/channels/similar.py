"""Similar texts, similar embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.builder import Builder, Context
from kgrec.flow.channel import Channel
from kgrec.flow.newcomer import NewItems
from kgrec.flow.part import Part
from kgrec.flow.vectors import joining


class TextSimilarity(Builder):
    """Cosine of the whitened language-model vectors, for each item's nearest neighbours."""

    name: ClassVar[str] = "text"
    learned_as = "similarity"

    def missing(self, part: Part) -> str | None:
        return None if part.content.text is not None else "no item has a text vector"

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        _say(self.name, part, context)
        return (Channel(self.name, "content", (part.content.near_by_text,)),)

    def newcomers(
        self, channel: Channel, part: Part, new: NewItems, channels: Mapping[str, Channel]
    ) -> NDArray[np.float32] | None:
        return (
            None
            if new.by_text is None
            else joining(sp.csr_array(channel.factors[0]), new.by_text, part.content.neighbours)
        )


class EmbeddingSimilarity(Builder):
    """Cosine of the whitened knowledge-graph embedding, for each item's nearest neighbours."""

    name: ClassVar[str] = "embedding"
    learned_as = "similarity"

    def missing(self, part: Part) -> str | None:
        return None if part.content.embedding is not None else "no item has a knowledge-graph embedding"

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        _say(self.name, part, context)
        return (Channel(self.name, "learned", (part.content.near_by_embedding,)),)


def _say(name: str, part: Part, context: Context) -> None:
    if part.content.searched:
        context.progress.say(f"{name}: neighbours within cells of vectors, for there are {part.num_items:,} items")
