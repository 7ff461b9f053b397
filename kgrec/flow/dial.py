"""The dial between accuracy and knowledge: the same channels, gated so that literal knowledge carries more of a score.

At 0 the gates are those that were trained.  At 1 only literal knowledge (:attr:`Channel.knowledge`) and the similarity
of texts are left: no co-preference, no learned hop, and no prior either, for popularity is what others did.  In between
the other gates and the prior are multiplied with one factor, and the literal ones are those that rank best at the share
of the score that literal knowledge has to carry there; see :mod:`kgrec.flow.dial_fit`.  Every setting is a set of
gates, so the score stays a sum over paths.

The share is that of the absolute score mass of a list's first ten: each channel's part by size, the prior's too, and of
that what knowledge channels carry.  Learned rows of entities do not count, nor does text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from kgrec.errors import UserError
from kgrec.flow.channel import Channel
from kgrec.flow.gates import Gate, Gates

TEXT = ("text",)
"""Families beside literal knowledge that a dial at 1 leaves on."""


def kept_at_one(channel: Channel) -> bool:
    """Whether a channel is literal knowledge or the similarity of texts."""
    return channel.knowledge or channel.family in TEXT


@dataclass(frozen=True)
class Setting:
    """One place of the dial, and what was measured there on validation users who did not choose it.

    Attributes:
        knowledge: K, from 0 to 1.
        others: what the trained gates of all other channels and the prior are multiplied with.
        gates: of literal knowledge and text; None where these too are as trained.
        ndcg: NDCG@10; low, high: its 95 % interval over users.
        share: of the score mass, that literal knowledge carries.
    """

    knowledge: float
    others: float
    gates: Gates | None
    ndcg: float = 0.0
    low: float = 0.0
    high: float = 0.0
    share: float = 0.0

    def of(self, trained: Sequence[Gates], names: Sequence[str], literal: Sequence[str]) -> tuple[Gates, ...]:
        """The gates of every channel here.

        Args:
            trained: those of each fold.
            names: all channels; literal: those that this setting gates itself.
        """
        if self.gates is None:
            return tuple(trained)
        off = dict.fromkeys(literal, 0.0)
        rest = tuple(replace(one.scaled(off), scale=one.scale * self.others) for one in trained if self.others)
        by_channel = {name: self.gates.by_channel.get(name, Gate(0.0)) for name in names}
        return (*rest, replace(self.gates, by_channel=by_channel))


@dataclass(frozen=True)
class Dial:
    """Settings with increasing K, from 0 to 1; their shares never decrease.

    Attributes:
        settings: the measured grid.
        users: validation users that measured it.
    """

    settings: tuple[Setting, ...]
    users: int

    def at(self, knowledge: float, trained: Sequence[Gates], channels: Sequence[Channel]) -> tuple[Gates, ...]:
        """The gates at any K; between two places of the grid the scores are those of both, mixed linearly.

        Raises:
            UserError: K lies outside 0 … 1.
        """
        if not 0.0 <= knowledge <= 1.0:
            raise UserError("knowledge lies outside its range", value=knowledge, expected="a number from 0 to 1")
        names = [one.name for one in channels]
        literal = [one.name for one in channels if kept_at_one(one)]
        after = next(n for n, one in enumerate(self.settings) if one.knowledge >= knowledge)
        upper = self.settings[after]
        if upper.knowledge == knowledge:
            return upper.of(trained, names, literal)
        lower = self.settings[after - 1]
        share = (knowledge - lower.knowledge) / (upper.knowledge - lower.knowledge)
        return tuple(
            replace(gates, scale=gates.scale * part)
            for setting, part in ((lower, 1.0 - share), (upper, share))
            for gates in setting.of(trained, names, literal)
        )

    @property
    def channels(self) -> frozenset[str]:
        """Channels that some setting lets through."""
        return frozenset(
            name
            for setting in self.settings
            if setting.gates is not None
            for name, gate in setting.gates.by_channel.items()
            if gate.strength
        )

    def to_json(self) -> dict[str, Any]:
        """``users`` and ``curve``: a row a setting with knowledge, ndcg, low, high, share, others and gates."""
        return {"users": self.users, "curve": [asdict(one) for one in self.settings]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Dial:
        settings = []
        for row in content["curve"]:
            gates = None if row["gates"] is None else Gates.from_json(row["gates"])
            settings.append(Setting(**{**row, "gates": gates}))
        return cls(tuple(settings), int(content["users"]))
