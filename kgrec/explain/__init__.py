"""Explanation: paths that carry a recommendation, and what no path carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgrec.explain.choose import Explains, explainer_of
from kgrec.explain.types import Explanation, Node, Path, Relation

if TYPE_CHECKING:
    from kgrec.explain.causal import CausalExplainer
    from kgrec.explain.explainer import Explainer
    from kgrec.explain.flow import FlowExplainer

_LAZY = {
    "CausalExplainer": "kgrec.explain.causal",
    "Explainer": "kgrec.explain.explainer",
    "FlowExplainer": "kgrec.explain.flow",
}


def __getattr__(name: str) -> Any:
    # a model's explainer is imported with the model, and no other
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CausalExplainer",
    "Explainer",
    "Explains",
    "Explanation",
    "FlowExplainer",
    "Node",
    "Path",
    "Relation",
    "explainer_of",
]
