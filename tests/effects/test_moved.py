"""The nearest after some links have changed, against working all of them out anew."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.effects import moved as module
from kgrec.effects.moved import Moved, edit_near, products
from kgrec.effects.near import Near, nearer
from kgrec.flow.vectors import nearest_neighbours

ITEMS, LINKS, K = 90, 40, 6


def unit_rows(draw: np.random.Generator, count: int, share: float) -> sp.csr_array:
    """Rows of unit length whose weights are few, so that many cosines are equal."""
    dense = (draw.random((count, LINKS)) < share) * draw.choice([1.0, 1.0, 0.5], LINKS)
    length = np.sqrt((dense**2).sum(axis=1, keepdims=True))
    return sp.csr_array((dense / np.maximum(length, 1e-12)).astype(np.float32))


def dense(row: NDArray[np.int64], column: NDArray[np.int64], value: NDArray[np.float32]) -> NDArray[np.float32]:
    found = np.zeros((ITEMS, ITEMS), dtype=np.float32)
    np.add.at(found, (row, column), value)
    return found


@pytest.mark.parametrize("room", [module.ROOM, 1], ids=["at once", "in pieces"])
@pytest.mark.parametrize("chained", [False, True], ids=["plain", "with longer lists"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.15], ids=["gone", "few", "many"])
@pytest.mark.parametrize("count", [1, 2, 25])
def test_as_if_worked_out_anew(
    monkeypatch: pytest.MonkeyPatch, count: int, share: float, chained: bool, room: int
) -> None:
    monkeypatch.setattr(module, "ROOM", room)
    draw = np.random.default_rng(count)
    rows = unit_rows(draw, ITEMS, 0.06)
    items = np.sort(draw.permutation(ITEMS)[:count])
    new = unit_rows(draw, count, share)
    wide = Near(nearest_neighbours(rows, 2 * K), 2 * K) if chained else None
    near = Near(nearest_neighbours(rows, K), K) if wide is None else nearer(wide, K)
    after = sp.lil_array(rows)
    after[items] = new.toarray()
    wanted = nearest_neighbours(sp.csr_array(after), K).toarray() - near.matrix.toarray()

    moved = Moved(items, new, rows, sp.csr_array(rows.T))
    edit = edit_near(near, moved, wide)
    np.testing.assert_array_equal(dense(*edit), wanted)
    assert (np.diff(edit.row * ITEMS + edit.column) > 0).all()
    some = draw.permutation(ITEMS)[:20]
    np.testing.assert_array_equal(dense(*edit_near(near, moved, wide, some))[some], wanted[some])


def test_products() -> None:
    draw = np.random.default_rng(0)
    rows = unit_rows(draw, 30, 0.2)
    some = np.array([3, 7, 7, 0])
    found = products(rows, some, sp.csr_array(rows.T))
    np.testing.assert_array_equal(found, (rows[some] @ rows.T).toarray())
