"""The ridge over neighbourhoods against the ridge over everything."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from kgrec.flow.neighbourhood import neighbourhood_ridge


def test_with_all_items_as_neighbours_it_is_the_ridge_without_the_item_itself() -> None:
    rng = np.random.default_rng(0)
    x = sp.csr_array((rng.random((40, 7)) < 0.6).astype(np.float32))
    found = neighbourhood_ridge(x, 2.0).toarray()
    gram = (x.T @ x).toarray().astype(np.float64) + 2.0 * np.eye(7)
    inverse = np.linalg.inv(gram)
    expected = -inverse / np.diag(inverse)[None]
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_only_the_neighbours_that_share_most_users_are_kept() -> None:
    x = sp.csr_array(np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1]], dtype=np.float32))
    found = neighbourhood_ridge(x, 1.0, neighbours=1).toarray()
    assert found[1, 0] > 0
    assert found[2, 0] == 0
    assert found[0, 1] > 0


def test_an_item_that_meets_no_other_has_no_weights() -> None:
    x = sp.csr_array(np.eye(3, dtype=np.float32))
    assert neighbourhood_ridge(x, 1.0).nnz == 0
