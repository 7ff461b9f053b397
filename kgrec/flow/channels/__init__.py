"""The project's own channels, one family a file, in the order in which they are built."""

from __future__ import annotations

from kgrec.flow.builder import Builder
from kgrec.flow.channels.around import Around
from kgrec.flow.channels.chained import EaseThenSimilar, SimilarThenLow
from kgrec.flow.channels.content import Content
from kgrec.flow.channels.ease import Ease
from kgrec.flow.channels.knowledge import Knowledge
from kgrec.flow.channels.learned import Learned
from kgrec.flow.channels.low import Low
from kgrec.flow.channels.rp3 import RP3
from kgrec.flow.channels.sequence import Sequence
from kgrec.flow.channels.similar import EmbeddingSimilarity, TextSimilarity
from kgrec.flow.channels.transition import Transition

OWN: tuple[type[Builder], ...] = (
    Ease,
    RP3,
    Low,
    Learned,
    Knowledge,
    TextSimilarity,
    EmbeddingSimilarity,
    EaseThenSimilar,
    SimilarThenLow,
    Around,
    Sequence,
    Transition,
    Content,
)
