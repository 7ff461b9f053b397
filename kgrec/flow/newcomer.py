"""Items that arrived after training: scored from their text and links alone, by the channels that can speak of them.

Nothing is trained and nothing of the model changes.  What was counted or fitted over the snapshot's items is held
fixed: the idf of links and which links are shared, the whitening of texts, the singular vectors of links, the low-rank
factors, the regressions on content, and the similarities among the items that were there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.channel import Channel
from kgrec.flow.content import CHAINED, ItemContent
from kgrec.flow.mix import coefficient
from kgrec.flow.regression import foretell
from kgrec.flow.vectors import joining

if TYPE_CHECKING:
    from kgrec.flow.model import FlowScorer
    from kgrec.flow.part import Part


@dataclass(frozen=True, eq=False)
class NewItems:
    """n items in the terms of a snapshot's items.

    Attributes:
        content: what is known of the items that were there.
        links: binary float32 CSR ``[n, links]``; None for none.
        text: language-model vectors ``[n, dim]``, zero rows where an item has no text; None for none.
        count: n.
    """

    content: ItemContent
    links: sp.csr_array | None
    text: NDArray[np.float32] | None
    count: int

    def __len__(self) -> int:
        return self.count

    @cached_property
    def link_rows(self) -> sp.csr_array | None:
        """As :attr:`ItemContent.link_rows`: float32 CSR ``[n, links]``."""
        links = self.content.links
        if links is None:
            return None
        if self.links is None:
            none = np.zeros(0, dtype=np.int64)
            return sp.csr_array((none.astype(np.float32), (none, none)), shape=(self.count, links.matrix.shape[1]))
        return links.weighted(links.shared, self.links)

    @cached_property
    def white_text(self) -> NDArray[np.float32] | None:
        """As :attr:`ItemContent.white_text`: float32 ``[n, up to 128]``."""
        whitening = self.content.text_whitening
        if whitening is None:
            return None
        return whitening.apply(
            np.zeros((self.count, len(whitening.mean)), np.float32) if self.text is None else self.text
        )

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """As :attr:`ItemContent.vectors`: float32 ``[n, d]``."""
        known = self.content.text
        text = self.text
        if text is None and known is not None:
            text = np.zeros((self.count, known.shape[1]), dtype=np.float32)
        return self.content.stacked(text, self.link_rows)

    @cached_property
    def by_links(self) -> NDArray[np.float32] | None:
        """Cosines of the snapshot's items with these, by links: float32 ``[items, n]``."""
        if self.content.link_rows is None or self.link_rows is None:
            return None
        return np.asarray((self.content.link_rows @ sp.csr_array(self.link_rows.T)).toarray(), dtype=np.float32)

    @cached_property
    def by_text(self) -> NDArray[np.float32] | None:
        """Likewise by text."""
        if self.content.white_text is None or self.white_text is None:
            return None
        return self.content.white_text @ self.white_text.T

    @cached_property
    def alike(self) -> NDArray[np.float32] | None:
        """Columns of :attr:`ItemContent.alike`: float32 ``[items, n]``."""
        cosines = {"links": self.by_links, "text": self.by_text}
        parts = [
            joining(near, one, CHAINED)
            for name, near in self.content.alike_by.items()
            if (one := cosines[name]) is not None
        ]
        return sum(parts[1:], parts[0]) if parts else None


@dataclass(frozen=True, eq=False)
class Newcomers:
    """The flows of a fitted model into items that it was not built with.

    Attributes:
        scorer: the model.
        new: the items.
        columns: channel → ``W[:, new]``, float32 ``[items, n]``; channels that do not speak of unheld items are absent.
        foretold: log popularity foretold from content, float64 ``[n]``.
    """

    scorer: FlowScorer
    new: NewItems
    columns: dict[str, NDArray[np.float32]]
    foretold: NDArray[np.float64]

    @classmethod
    def of(cls, scorer: FlowScorer, part: Part, new: NewItems) -> Newcomers:
        """Every channel's columns, by the builders that made the channels.

        Args:
            scorer: the fitted model.
            part: what its channels were built on.
            new: the items.
        """
        from kgrec.flow.registry import chosen

        channels = {channel.name: channel for channel in scorer.flow.channels}
        builders = {builder.name: builder for builder in chosen(sorted({one.family for one in channels.values()}), ())}
        columns = {}
        for name, channel in channels.items():
            column = builders[channel.family].newcomers(channel, part, new, channels)
            if column is not None and column.any():
                columns[name] = column
        foretold = np.zeros(len(new))
        if any(gates.prior[2] for gates in scorer.flow.gates):
            foretold = foretell(part, new.vectors)
        return cls(scorer, new, columns, foretold)

    @cached_property
    def prior(self) -> NDArray[np.float32]:
        """What the items score for everybody: float32 ``[n]``."""
        features = np.stack([np.zeros(len(self.new)), np.ones(len(self.new)), self.foretold])
        gates = self.scorer.flow.gates
        return np.asarray(sum(one.scale * (np.asarray(one.prior) @ features) for one in gates), dtype=np.float32)

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Scores of the items, float32 ``[batch, n]``; comparable with those of :meth:`FlowScorer.score`."""
        total = np.repeat(self.prior[None], histories.shape[0], axis=0)
        for _, part in self.parts(histories, users):
            total += part
        return total

    def parts(
        self, histories: sp.csr_array, users: NDArray[np.int64] | None = None
    ) -> Iterator[tuple[Channel, NDArray[np.float32]]]:
        """Every channel's part of the scores: pairs of channel and float32 ``[batch, n]``."""
        log_size = np.log1p(np.diff(histories.indptr))
        nobody = np.zeros(len(self.new))
        for channel, gates, weighted in self.scorer.terms(histories, users):
            if channel.name in self.columns:
                yield channel, coefficient(gates, log_size, nobody) * (weighted @ self.columns[channel.name])

    def sent(
        self, history: sp.csr_array, item: int, users: NDArray[np.int64] | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """What each channel carries from every item of one history to one of these: channel → float64 ``[h]``."""
        log_size = np.log1p(np.diff(history.indptr))
        found: dict[str, NDArray[np.float64]] = {}
        for channel, gates, weighted in self.scorer.terms(history, users):
            if channel.name in self.columns:
                factor = float(coefficient(gates, log_size, np.zeros(1))[0, 0])
                flow = factor * weighted.data * self.columns[channel.name][history.indices, item]
                found[channel.name] = found.get(channel.name, np.zeros(history.nnz)) + flow
        return found
