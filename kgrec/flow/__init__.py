"""The flow model: a linear flow over typed edges whose score is a sum over paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgrec.config.flow import FlowConfig
from kgrec.flow.model import Flow, FlowScorer

if TYPE_CHECKING:
    from kgrec.flow.fit import fit_flow

__all__ = ["Flow", "FlowConfig", "FlowScorer", "fit_flow"]


def __getattr__(name: str) -> Any:
    # fitting needs compiled kernels and frameworks; serving does not
    if name == "fit_flow":
        from kgrec.flow.fit import fit_flow

        return fit_flow
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
