"""Explanation: real paths that carry a recommendation, and what no path carries."""

from kgrec.explain.explainer import Explainer
from kgrec.explain.types import Explanation, Node, Path, Relation

__all__ = ["Explainer", "Explanation", "Node", "Path", "Relation"]
