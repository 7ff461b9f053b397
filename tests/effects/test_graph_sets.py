"""How few questions find a smallest set: each is a run of a model."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kgrec.effects import EdgeSet
from kgrec.effects.graph_sets import MOST, fewest, single


@pytest.mark.parametrize("needed", [{0}, {2}, {0, 3}, {1, 2, 9}, set(range(MOST)), {MOST}])
def test_fewest(needed: set[int]) -> None:
    """Nothing in it is superfluous, and that there is none is known after a few steps."""
    order, asked = single(range(MOST), []), []

    def done(edges: Sequence[EdgeSet]) -> bool:
        asked.append(len(edges))
        return needed <= {item for edge in edges for item in edge.items}

    found = fewest(order, done)
    if MOST in needed:
        assert found is None
        assert len(asked) == 5
        return
    assert found is not None
    assert {item for edge in found for item in edge.items} == needed
    assert len(asked) <= 7 + MOST


def test_of_nothing() -> None:
    assert fewest([], lambda edges: False) is None
