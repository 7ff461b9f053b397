"""The users on whom gates are fitted, in blocks, with the flows that are asked for again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.universe import Universe

CELLS = 4_000_000
"""Scores of one channel held at a time."""
KEPT = 100_000_000
"""Flows kept for the next time that they are asked for."""


class Kept:
    """Flows that are asked for again: as many as there is room for, and those of the block at hand."""

    def __init__(self, cells: int = KEPT) -> None:
        self.room, self.start = cells, -1
        self.always: dict[tuple[int, str, float], NDArray[np.float32]] = {}
        self.now: dict[tuple[int, str, float], NDArray[np.float32]] = {}

    def flow(self, start: int, name: str, power: float, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """A channel's flow of the block that begins with a user, made if it is not here; not to be written to."""
        key = (start, name, power)
        if start != self.start:
            self.start = start
            self.now.clear()
        for some in (self.always, self.now):
            if key in some:
                return some[key]
        flow = make()
        if flow.size <= self.room:
            self.room -= flow.size
            self.always[key] = flow
        else:
            self.now[key] = flow
        return flow


@dataclass(frozen=True, eq=False)
class Histories:
    """Users on whom gates are fitted.

    Attributes:
        known: what channels see, CSR ``[U, items]``; times: of the same users, or None.
        relevant: what is to be found, binary CSR ``[U, n]``; hidden: what is known already, likewise.
        universe: the n items that may stand in a ranking; channels lead into these.
        start: which of all users is the first; kept: flows of all users.
    """

    known: sp.csr_array
    times: sp.csr_array | None
    relevant: sp.csr_array
    hidden: sp.csr_array
    universe: Universe
    start: int = 0
    kept: Kept = field(default_factory=Kept)

    @classmethod
    def of(
        cls, known: sp.csr_array, times: sp.csr_array | None, relevant: sp.csr_array, universe: Universe
    ) -> Histories:
        """From matrices over all items."""
        return cls(known, times, universe.columns(relevant), universe.columns(known), universe)

    def blocks(self) -> Iterator[Histories]:
        """So many users that :data:`CELLS` scores of a channel are held, at a time."""
        users, width = self.hidden.shape
        size = max(1, CELLS // max(width, 1))
        for start in range(0, users, size):
            part = slice(start, start + size)
            times = None if self.times is None else self.times[part]
            yield replace(
                self,
                known=self.known[part],
                times=times,
                relevant=self.relevant[part],
                hidden=self.hidden[part],
                start=self.start + start,
            )

    @property
    def log_size(self) -> NDArray[np.float64]:
        """``log n_u = log(1 + |N(u)|)``: float64 ``[U]``."""
        return np.log1p(np.diff(self.known.indptr))
