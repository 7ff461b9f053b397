"""The fitted model and its score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config.flow import FlowConfig
from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import UserError
from kgrec.flow.channel import Channel
from kgrec.flow.dial import Dial
from kgrec.flow.gates import Catalogue, Gate, Gates
from kgrec.flow.mix import coefficient
from kgrec.flow.part import training_times
from kgrec.flow.recency import weigh

SIZES = 4
"""Sizes of a history whose coefficients are kept."""


@dataclass(frozen=True, eq=False)
class Flow:
    """``score(u, i) = prior_i + Σ_folds Σ_c g_c n_u^{a_c} d_i^{b_c} (h_u^{r_c} W^c)_i``.

    Attributes:
        channels: built on the whole training part.
        gates: of every fold.
        catalogue: of the items.
        config: how it was made; choices: what builders chose on the folds; seed.
        dial: other gates, with more literal knowledge; None where the model has no channel of it.
        as_trained: the gates where the dial is at 0; None where :attr:`gates` are those.
        link_axes: :attr:`kgrec.flow.content.ItemContent.link_axes`, where content is foretold from; None where it has
            to be worked out for that.
    """

    channels: tuple[Channel, ...]
    gates: tuple[Gates, ...]
    catalogue: Catalogue
    config: FlowConfig
    choices: Mapping[str, Any]
    seed: int
    dial: Dial | None = None
    as_trained: tuple[Gates, ...] | None = None
    link_axes: NDArray[np.float32] | None = None

    def at_knowledge(self, knowledge: float) -> Flow:
        """The same channels with the dial at another place, from 0, as trained, to 1, literal knowledge and text alone.

        Raises:
            UserError: it lies outside, or the model has no dial.
        """
        trained = self.gates if self.as_trained is None else self.as_trained
        if self.dial is None:
            if not knowledge:
                return self
            raise UserError(
                "the model has no dial between accuracy and knowledge",
                value=knowledge,
                expected="0",
                remedy="it takes a knowledge graph whose nodes items share, and a validation part, at training",
            )
        gates = self.dial.at(knowledge, trained, self.channels)
        return replace(self, gates=gates, as_trained=trained)

    def by_recency(self, name: str) -> list[tuple[float, list[tuple[float, Gate]]]]:
        """A channel's open gates of all folds, each with the scale of its fold, by the power of age; increasing."""
        by_power: dict[float, list[tuple[float, Gate]]] = {}
        for gates in self.gates:
            gate = gates.by_channel[name]
            if gate.strength:
                by_power.setdefault(gate.recency, []).append((gates.scale, gate))
        return sorted(by_power.items())

    def without(self, *names: str) -> Flow:
        """The same gates with some channels (by name, or all of a family) taken out."""
        kept = tuple(one for one in self.channels if one.name not in names and one.family not in names)
        gates = tuple(replace(one, by_channel={c.name: one.by_channel[c.name] for c in kept}) for one in self.gates)
        return replace(self, channels=kept, gates=gates)

    def refit(
        self,
        snapshot: Snapshot,
        *,
        text: Features | None = None,
        kg: Features | None = None,
        seed: int | None = None,
        device: str = "cpu",
    ) -> Flow:
        """The same gates and choices, the channels built anew on another snapshot's training part."""
        from kgrec.flow.fit import rebuild

        return rebuild(self, snapshot, text, kg, self.seed if seed is None else seed, device)

    def save(self, folder: str | Path) -> None:
        """See :func:`kgrec.flow.files.save_flow`."""
        from kgrec.flow.files import save_flow

        save_flow(self, folder)

    @classmethod
    def load(cls, folder: str | Path) -> Flow:
        """See :func:`kgrec.flow.files.load_flow`."""
        from kgrec.flow.files import load_flow

        return load_flow(folder)

    def scorer(self, snapshot: Snapshot) -> FlowScorer:
        """Scores histories with the dial where the configuration has it; the snapshot tells when its users' training
        interactions were."""
        turned = self.config.knowledge and self.dial is not None and self.as_trained is None
        return FlowScorer(self.at_knowledge(self.config.knowledge) if turned else self, training_times(snapshot))


@dataclass(frozen=True, eq=False)
class FlowScorer:
    """Scores histories with a :class:`Flow`; linear in the history's weights, up to the powers of its size.

    Attributes:
        flow: the model.
        times: of known users' interactions, CSR ``[users, items]``; None where unknown.
        name: as it stands in tables.
    """

    flow: Flow
    times: sp.csr_array | None
    name: str = "kgrec flow"

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Scores of all items, float32 ``[batch, num_items]``; an empty history gives the prior."""
        total = np.repeat(self._prior[None], histories.shape[0], axis=0)
        log_size = np.log1p(np.diff(histories.indptr))
        for channel, gates, weighted in self.terms(histories, users):
            flow = channel.flow(weighted)
            flow *= self.coefficient(channel, gates, log_size)
            channel.spread(flow, total)
        return total

    def coefficient(
        self, channel: Channel, gates: list[tuple[float, Gate]], log_size: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """``Σ g n_u^a d_i^b`` over some of a channel's gates, for the columns of :meth:`Channel.flow`.

        Args:
            channel: one of the model's; gates: as :meth:`terms` gives them with it.
            log_size: of the histories, ``[batch]``.

        Returns:
            float32 ``[batch, targets]``; ``[1, targets]``, not to be changed, where all are of one size.
        """
        if not len(log_size) or (log_size != log_size[0]).any():
            return self._coefficient(channel, gates, log_size)
        # the histories of one explanation have few sizes, and most of what edits change is little
        of_size = self._of_size.setdefault((channel.name, gates[0][1].recency), {})
        size = float(log_size[0])
        if size not in of_size:
            if len(of_size) >= SIZES:
                of_size.clear()
            of_size[size] = self._coefficient(channel, gates, log_size[:1])
        return of_size[size]

    def _coefficient(
        self, channel: Channel, gates: list[tuple[float, Gate]], log_size: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        left = np.stack([scale * gate.strength * np.exp(gate.user_power * log_size) for scale, gate in gates])
        return np.asarray(left.T.astype(np.float32) @ self._item_powers(channel, gates))

    @cached_property
    def _of_size(self) -> dict[tuple[str, float], dict[float, NDArray[np.float32]]]:
        """Of each channel and power of age a few sizes and their coefficients."""
        return {}

    def _item_powers(self, channel: Channel, gates: list[tuple[float, Gate]]) -> NDArray[np.float32]:
        """``d_i^b`` of a channel's targets for some of its gates: float32 ``[gates, targets]``; kept."""
        key = (channel.name, gates[0][1].recency)
        if key not in self._kept:
            log_degree = self.flow.catalogue.log_degree
            log_degree = log_degree if channel.targets is None else log_degree[channel.targets]
            # there are far fewer degrees than items to raise
            level, of_item = np.unique(log_degree, return_inverse=True)
            powers = np.stack([np.exp(gate.item_power * level) for _, gate in gates]).astype(np.float32)
            self._kept[key] = powers[:, of_item]
        return self._kept[key]

    @cached_property
    def _kept(self) -> dict[tuple[str, float], NDArray[np.float32]]:
        return {}

    @cached_property
    def _prior(self) -> NDArray[np.float32]:
        features = self.flow.catalogue.features
        return np.asarray(sum(g.scale * (np.asarray(g.prior) @ features) for g in self.flow.gates), dtype=np.float32)

    def at_knowledge(self, knowledge: float) -> FlowScorer:
        """See :meth:`Flow.at_knowledge`."""
        return replace(self, flow=self.flow.at_knowledge(knowledge))

    def score_newcomers(self, histories: sp.csr_array, times: sp.csr_array) -> NDArray[np.float32]:
        """Scores of all items for people who are not in the data: float32 ``[batch, num_items]``.

        Args:
            histories: CSR ``[batch, num_items]``, weights: the score is linear in them.
            times: of the same pattern, greater is later; where the model has times of its own, recent items weigh more.
        """
        known = None if self.times is None else times
        return replace(self, times=known).score(histories, np.arange(histories.shape[0]))

    def prior(self) -> NDArray[np.float32]:
        """What an item's score is without any history: float32 ``[num_items]``."""
        return self._prior.copy()

    def parts(
        self, histories: sp.csr_array, users: NDArray[np.int64] | None = None
    ) -> Iterator[tuple[Channel, NDArray[np.float32]]]:
        """Every channel's part of the scores: pairs of channel and float32 ``[batch, num_items]``."""
        log_size = np.log1p(np.diff(histories.indptr))
        for channel, gates, weighted in self.terms(histories, users):
            yield channel, coefficient(gates, log_size, self.flow.catalogue.log_degree) * channel.apply(weighted)

    def factors(self, history: sp.csr_array, item: int, users: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """What ``W_ji`` of each channel is multiplied with, for every item j of one history.

        Args:
            history: CSR ``[1, num_items]`` with h entries.
            item: i.
            users: whose history it is, ``[1]``, where known.

        Returns:
            float64 ``[channels, h]``; ``Σ_j factors · W_ji`` is the channel's part of the score.
        """
        log_size = np.log1p(np.diff(history.indptr))
        log_degree = self.flow.catalogue.log_degree[[item]]
        place = {channel.name: c for c, channel in enumerate(self.flow.channels)}
        found = np.zeros((len(place), history.nnz))
        for channel, gates, weighted in self.terms(history, users):
            found[place[channel.name]] += float(coefficient(gates, log_size, log_degree)[0, 0]) * weighted.data
        return found

    def terms(
        self, histories: sp.csr_array, users: NDArray[np.int64] | None
    ) -> Iterator[tuple[Channel, list[tuple[float, Gate]], sp.csr_array]]:
        """Channel, gates (with the scale of their fold) that weigh age alike, and the histories so weighted."""
        times = self._times_of(users)
        weighted: dict[float, sp.csr_array] = {}
        for channel in self.flow.channels:
            for power, some in self.flow.by_recency(channel.name):
                if power not in weighted:
                    weighted[power] = weigh(histories, times, power)
                yield channel, some, weighted[power]

    def weighted(
        self, channel: Channel, histories: sp.csr_array, users: NDArray[np.int64] | None
    ) -> Iterator[tuple[list[tuple[float, Gate]], sp.csr_array]]:
        """The same of one channel."""
        times = self._times_of(users)
        for power, some in self.flow.by_recency(channel.name):
            yield some, weigh(histories, times, power)

    def _times_of(self, users: NDArray[np.int64] | None) -> sp.csr_array | None:
        return None if self.times is None or users is None else self.times[users]
