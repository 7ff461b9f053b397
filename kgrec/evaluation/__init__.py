"""Evaluation: one protocol, models and baselines in one table, intervals over users."""

from __future__ import annotations

from kgrec.evaluation.ranking import evaluate
from kgrec.evaluation.ratings import BiasModel, evaluate_ratings
from kgrec.evaluation.result import Difference, Evaluation, Row

__all__ = ["BiasModel", "Difference", "Evaluation", "Row", "evaluate", "evaluate_ratings"]
