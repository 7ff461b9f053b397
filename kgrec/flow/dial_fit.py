"""Fits the settings of :class:`kgrec.flow.dial.Dial` on the validation part: half of its users choose, half measure.

Which share literal knowledge must carry at K lies on the line from what it carries as trained to
:data:`~kgrec.flow.dial_climb.END` at 1.  At each place the factor on the other gates (at 1 on text, the only other one)
is solved for so that the share is met, and the literal gates are climbed by coordinates under it: the best NDCG@10
found at that share, from the literal end down.

No literal gate may grow with an item's degree: popularity on the back of a shared entity would count as knowledge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from kgrec.flow.channel import Channel
from kgrec.flow.dial import Dial, Setting, kept_at_one
from kgrec.flow.dial_climb import Tuning
from kgrec.flow.dial_scores import DialScores
from kgrec.flow.gates import Catalogue, Gates
from kgrec.flow.part import Part
from kgrec.flow.universe import Universe

USERS = 1000
"""At most so many validation users, half for each purpose."""
LEAST = 20
"""Below so many users the same ones choose and measure."""


def fit_dial(
    channels: Sequence[Channel],
    gates: Sequence[Gates],
    catalogue: Catalogue,
    part: Part,
    valid: sp.csr_array,
    seed: int = 0,
    most_items: int = 50_000,
) -> Dial | None:
    """The dial of a fitted model.

    Args:
        channels: built on the whole training part, all of them: one whose trained gate is 0 may carry knowledge.
        gates: as trained, of every fold.
        catalogue: of the items.
        part: the training part.
        valid: the validation part, binary CSR ``[users, items]``.
        seed: of the users that are drawn.
        most_items: in a ranking; of more a sample is drawn.

    Returns:
        None where no channel is literal knowledge, or nothing is held out for validation.
    """
    literal = tuple(one for one in channels if kept_at_one(one))
    held = sp.csr_array(valid - valid.multiply(part.train))
    held.eliminate_zeros()
    users = np.flatnonzero(np.diff(held.indptr))
    if not any(one.knowledge for one in literal) or not len(users):
        return None
    users = np.random.default_rng(seed).permutation(users)[:USERS]
    first, second = (users, users) if len(users) < LEAST else (users[: len(users) // 2], users[len(users) // 2 :])
    universe = Universe.of(most_items, channels, part.train[users], sp.csr_array(held[users]), seed)
    literal = universe.channels(literal)
    model = DialScores(
        universe.channels(channels),
        tuple(gates),
        universe.catalogue(catalogue),
        part,
        universe.columns(part.train),
        universe.columns(held),
        literal,
        universe,
    )
    settings = Tuning(model, np.sort(first)).settings()
    return Dial(_monotone(model.measure(np.sort(second), settings)), len(second))


def _monotone(settings: Sequence[Setting]) -> tuple[Setting, ...]:
    """What was chosen on some users may turn out otherwise on others: a setting that has more knowledge than the next
    one gives its place to that, one that has less than the trained model to the trained model."""
    found = list(settings)
    for n in range(len(found) - 2, 0, -1):
        if found[n].share > found[n + 1].share:
            found[n] = replace(found[n + 1], knowledge=found[n].knowledge)
        if found[n].share < found[0].share:
            found[n] = replace(found[0], knowledge=found[n].knowledge)
    return tuple(found)
