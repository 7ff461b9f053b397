"""How the terms of a node's input are joined, by name: ``sum``, ``mean``, ``concat``, ``gate``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kgrec.errors import RecipeError, nearest


class Fusion(nn.Module):
    """Joins ``terms`` terms of ``dim`` columns; a term is a matrix that is zero where a node lacks it, and a mask.

    Shapes:
        values: ``terms`` matrices ``[n, dim]``; present: as many bool vectors ``[n]``; output ``[n, dim]``.
    """

    def __init__(self, terms: int, dim: int) -> None:
        super().__init__()
        self.terms, self.dim = terms, dim


class Sum(Fusion):
    """``z = Σ_m v_m``."""

    def forward(self, values: Sequence[Tensor], present: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(values)).sum(0) if len(values) > 1 else values[0]


class Mean(Fusion):
    """``z = Σ_m v_m / M`` with ``M`` the number of terms that the node has."""

    def forward(self, values: Sequence[Tensor], present: Sequence[Tensor]) -> Tensor:
        count = torch.stack(list(present)).sum(0).clamp(min=1)
        return torch.stack(list(values)).sum(0) / count[:, None]


class Concat(Fusion):
    """``z = W [v_1 | … | v_M]``; ``W`` starts as the sum."""

    def __init__(self, terms: int, dim: int) -> None:
        super().__init__(terms, dim)
        self.project = nn.Linear(terms * dim, dim, bias=False)
        with torch.no_grad():
            self.project.weight.copy_(torch.eye(dim).repeat(1, terms))

    def forward(self, values: Sequence[Tensor], present: Sequence[Tensor]) -> Tensor:
        joined: Tensor = self.project(torch.cat(list(values), dim=1))
        return joined


class Gate(Fusion):
    """``z = Σ_m g_m v_m`` with ``g = softmax_m(w_m · v_m + b_m)`` over the terms that the node has."""

    def __init__(self, terms: int, dim: int) -> None:
        super().__init__(terms, dim)
        self.weight = nn.Parameter(torch.zeros(terms, dim))
        self.bias = nn.Parameter(torch.zeros(terms))

    def forward(self, values: Sequence[Tensor], present: Sequence[Tensor]) -> Tensor:
        stacked = torch.stack(list(values))
        logits = torch.einsum("mnd,md->mn", stacked, self.weight) + self.bias[:, None]
        # A finite floor, so that a node without any term gets weights (of zeros) and no NaN.
        gate = logits.masked_fill(~torch.stack(list(present)), -1e9).softmax(0)
        return (gate[:, :, None] * stacked).sum(0)


FUSIONS: dict[str, type[Fusion]] = {"sum": Sum, "mean": Mean, "concat": Concat, "gate": Gate}


def fusion(choice: str | type[Fusion] | Fusion, terms: int, dim: int) -> Fusion:
    """A fusion from its name, its class or an instance.

    Raises:
        RecipeError: no fusion has this name; the nearest one is named.
    """
    if isinstance(choice, Fusion):
        return choice
    if isinstance(choice, str):
        if choice not in FUSIONS:
            close = nearest(choice, FUSIONS) or list(FUSIONS)
            raise RecipeError("no fusion has this name", value=choice, remedy=f"did you mean {close[0]!r}?")
        choice = FUSIONS[choice]
    return choice(terms, dim)
