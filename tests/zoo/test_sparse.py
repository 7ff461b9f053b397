from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch

from kgrec.zoo.sparse import ConstantProduct, bipartite, row_normalised, symmetric_normalised


def random_matrix(rows: int, columns: int) -> sp.csr_array:
    return sp.csr_array(sp.random_array((rows, columns), density=0.3, rng=np.random.default_rng(1), dtype=np.float32))


def test_product_and_its_gradient() -> None:
    matrix = random_matrix(7, 5)
    x = torch.randn(5, 3, requires_grad=True)
    product, dense = ConstantProduct(matrix), torch.from_numpy(matrix.toarray())
    weight = torch.randn(7, 3)
    torch.testing.assert_close(product(x), dense @ x)
    (product(x) * weight).sum().backward()
    torch.testing.assert_close(x.grad, dense.T @ weight)


def test_replaced_values_reach_both_directions() -> None:
    matrix = random_matrix(7, 5)
    product, x, weight = ConstantProduct(matrix), torch.randn(5, 3, requires_grad=True), torch.randn(7, 3)
    product.replace(torch.from_numpy(matrix.data) * 2 + 1)
    dense = torch.from_numpy(sp.csr_array((matrix.data * 2 + 1, matrix.indices, matrix.indptr), shape=(7, 5)).toarray())
    (product(x) * weight).sum().backward()
    torch.testing.assert_close(product(x), dense @ x)
    torch.testing.assert_close(x.grad, dense.T @ weight)


def test_entries_at_one_place_add_up() -> None:
    doubled = sp.csr_array((np.array([1.0, 2.0]), np.array([1, 1]), np.array([0, 2])), shape=(1, 2))
    torch.testing.assert_close(ConstantProduct(doubled)(torch.eye(2)), torch.tensor([[0.0, 3.0]]))


def test_normalisations_leave_empty_rows() -> None:
    matrix = sp.csr_array(np.array([[1.0, 1.0], [0.0, 0.0], [1.0, 0.0]]))
    np.testing.assert_allclose(row_normalised(matrix).toarray(), [[0.5, 0.5], [0, 0], [1, 0]])
    half = 0.5**0.5
    np.testing.assert_allclose(symmetric_normalised(matrix).toarray(), [[0.5, half], [0, 0], [half, 0]])


def test_bipartite_has_both_blocks() -> None:
    matrix = random_matrix(3, 2)
    whole = bipartite(matrix).toarray()
    np.testing.assert_array_equal(whole[:3, 3:], matrix.toarray())
    np.testing.assert_array_equal(whole, whole.T)
    assert not whole[:3, :3].any()
    assert not whole[3:, 3:].any()
