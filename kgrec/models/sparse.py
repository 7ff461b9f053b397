"""CSR tensors without PyTorch's notes on them, which differ by its version."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def csr_tensor(crow: Tensor, column: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """The sparse tensor with row pointers ``[n + 1]``, columns and values ``[nnz]``; they are taken as they are."""
    with sparse_notes_off():
        return torch.sparse_csr_tensor(crow, column, values, shape, check_invariants=False)


@contextmanager
def sparse_notes_off() -> Iterator[None]:
    """CSR is called beta, and that indices are not checked is told once a process."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        warnings.filterwarnings("ignore", message="Sparse invariant checks are implicitly disabled")
        yield
