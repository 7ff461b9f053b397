"""Recommendations: scorers over histories, exact top-k, candidates and what was seen."""

from __future__ import annotations

from kgrec.recommend.history import History
from kgrec.recommend.ids import candidate_mask, read_candidates
from kgrec.recommend.lists import recommend, recommend_all, recommend_history
from kgrec.recommend.scorer import HistoryScorer, Scorer
from kgrec.recommend.topk import top_k

__all__ = [
    "History",
    "HistoryScorer",
    "Scorer",
    "candidate_mask",
    "read_candidates",
    "recommend",
    "recommend_all",
    "recommend_history",
    "top_k",
]
