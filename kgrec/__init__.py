"""Recommenders whose core is a knowledge graph: from CSV and RDF to recommendations with true reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run, open_run, run

__all__ = ["Run", "__version__", "open_run", "run"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Importing the package reads nothing and loads nothing: the road is loaded when somebody walks it.
    if name in ("Run", "open_run", "run"):
        import kgrec.pipeline.run as pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module 'kgrec' has no attribute {name!r}")
