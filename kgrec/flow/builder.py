"""What makes channels: one builder a family, found by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config.flow import FlowConfig
from kgrec.flow.channel import Channel
from kgrec.flow.hops import Hop, Kind, Stop
from kgrec.flow.part import Part
from kgrec.progress import SILENT, Progress

if TYPE_CHECKING:
    from kgrec.flow.newcomer import NewItems


@dataclass
class Context:
    """What a builder is told besides the data.

    Attributes:
        config: settings of the model.
        seed: of this build.
        device: for builders that train.
        held_out: interactions of the fold on which the gates will be fitted, binary CSR ``[users, items]``: a builder
            may stop or choose on them; None in the last build, which has only the choices of the folds.
        choices: what builders chose on the folds, by builder; the last build reads it.
        built: channels made so far, by builder.
        progress: is told what is switched off or approximated.
    """

    config: FlowConfig
    seed: int = 0
    device: str = "cpu"
    held_out: sp.csr_array | None = None
    choices: dict[str, Any] = field(default_factory=dict)
    built: dict[str, tuple[Channel, ...]] = field(default_factory=dict)
    progress: Progress = SILENT

    def held_out_of_seen(self, part: Part) -> tuple[sp.csr_array, sp.csr_array] | None:
        """Histories and held-out items of the fold's users, over the seen items: two CSR ``[users, len(seen)]``.

        None in the last build, and where nobody else holds what the fold holds out: nothing is left to choose on.
        """
        if self.held_out is None:
            return None
        hidden = self.held_out[:, part.seen]
        users = np.flatnonzero(np.diff(hidden.indptr))[: self.config.gate_users]
        return (part.train[users][:, part.seen], hidden[users]) if users.size else None

    def dense(self, part: Part) -> bool:
        """Whether a matrix of all seen items by all seen items is small enough to be kept."""
        return len(part.seen) <= self.config.max_dense


class Builder(ABC):
    """Makes the channels of one family from the training part, and says how to read them.

    Attributes:
        name: of the family; its channels are called ``name`` or ``name:detail``.
        after: families that are built before, where they are switched on.
        apart: no other family's channels walk the same paths; those of one family may.
        learned_as: where a weight is one learned hop from item to item, its kind.
        keeps: families that stay in the model beside this one whatever their gates: later items are placed
            by them.
    """

    name: ClassVar[str]
    after: ClassVar[tuple[str, ...]] = ()
    apart: ClassVar[bool] = False
    learned_as: ClassVar[Kind | None] = None
    keeps: ClassVar[tuple[str, ...]] = ()

    def missing(self, part: Part) -> str | None:
        """Why the family cannot be made from these data, for example ``no item has a text``; None where it can."""
        return None

    @abstractmethod
    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        """The channels; they may read nothing but the part and what the context holds."""

    def hops(self, channel: Channel, part: Part, source: int, target: int) -> list[tuple[float, tuple[Hop, ...]]]:
        """``W[source, target]`` as a sum over paths: (weight, hops), the weights adding up to it.

        Raises:
            NotImplementedError: the family is not :attr:`learned_as` one hop, and does not say what its paths are.
        """
        if self.learned_as is None:
            raise NotImplementedError(f"{type(self).__name__} does not say what its paths are")
        weight = float(channel.weights(np.array([source]), target)[0])
        item = part.item_type
        hop = Hop(self.learned_as, (item, source), (item, target), support=support(part, source, target))
        return [(weight, (hop,))] if weight else []

    def between(self, channel: Channel, part: Part) -> tuple[tuple[Stop, ...] | None, ...]:
        """What stands between each factor and the next, for the graph of the channel; None for a latent dimension."""
        return (None,) * (len(channel.factors) - 1)

    def newcomers(
        self, channel: Channel, part: Part, new: NewItems, channels: Mapping[str, Channel]
    ) -> NDArray[np.float32] | None:
        """``W[:, new]`` for n items that came after the channel was built and that nobody holds: ``[items, n]``.

        Args:
            channel: as it was built.
            part: what it was built on.
            new: the items' text and links.
            channels: of the same model, by name.

        Returns:
            float32 ``[items, n]``; None where the channel speaks of items with interactions only.
        """
        return None


def support(part: Part, source: int, target: int) -> int:
    """How many training users hold both items."""
    return len(holders(part, source, target))


def supports(part: Part, item: int, others: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """:func:`support` of an item with each of some others: int64 ``[n]``."""
    column = part.by_item
    mine = np.zeros(column.shape[1], dtype=bool)
    mine[column.indices[column.indptr[item] : column.indptr[item + 1]]] = True
    rows = column[others]
    at = np.repeat(np.arange(len(others)), np.diff(rows.indptr))
    return np.bincount(at[mine[rows.indices]], minlength=len(others))


def holders(part: Part, source: int, target: int) -> NDArray[np.integer[Any]]:
    """The training users who hold both items, increasing."""
    column = part.by_item
    first = column.indices[column.indptr[source] : column.indptr[source + 1]]
    second = column.indices[column.indptr[target] : column.indptr[target + 1]]
    return np.intersect1d(first, second, assume_unique=True)
