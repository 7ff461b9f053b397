from __future__ import annotations

import pytest
import torch

from kgrec.errors import RecipeError
from kgrec.models.fusion import FUSIONS, Concat, Gate, fusion

A = torch.tensor([[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]])
B = torch.tensor([[10.0, 20.0], [0.0, 0.0], [0.0, 0.0]])
PRESENT = (torch.tensor([True, True, False]), torch.tensor([True, False, False]))


def test_sum() -> None:
    assert torch.equal(fusion("sum", 2, 2)([A, B], PRESENT), A + B)


def test_mean_counts_the_terms_that_are_there() -> None:
    expected = torch.tensor([[5.5, 11.0], [3.0, 4.0], [0.0, 0.0]])
    assert torch.equal(fusion("mean", 2, 2)([A, B], PRESENT), expected)


def test_concat_is_linear_in_both_terms_and_starts_as_the_sum() -> None:
    operator = fusion(Concat, 2, 2)
    assert torch.allclose(operator([A, B], PRESENT), A + B)
    with torch.no_grad():
        operator.project.weight.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 2.0]]))
    assert torch.allclose(operator([A, B], PRESENT), torch.stack([A[:, 0], 2 * B[:, 1]], dim=1))


def test_gate_weighs_the_terms_that_are_there() -> None:
    operator = fusion("gate", 2, 2)
    start = operator([A, B], PRESENT)
    assert torch.allclose(start, torch.tensor([[5.5, 11.0], [3.0, 4.0], [0.0, 0.0]]))
    with torch.no_grad():
        operator.bias.copy_(torch.tensor([0.0, 50.0]))
    assert torch.allclose(operator([A, B], PRESENT)[:2], torch.stack([B[0], A[1]]))


@pytest.mark.parametrize("name", sorted(FUSIONS))
def test_gradients_are_finite_where_a_node_has_no_term(name: str) -> None:
    operator = fusion(name, 2, 2)
    terms = [A.clone().requires_grad_(), B.clone().requires_grad_()]
    operator(terms, PRESENT).square().sum().backward()
    assert all(bool(torch.isfinite(term.grad).all()) for term in terms if term.grad is not None)
    assert all(term.grad is not None for term in terms)


def test_an_instance_is_taken_as_it_is() -> None:
    gate = Gate(2, 2)
    assert fusion(gate, 2, 2) is gate


def test_unknown_name() -> None:
    with pytest.raises(RecipeError, match="did you mean 'concat'"):
        fusion("concta", 2, 2)
