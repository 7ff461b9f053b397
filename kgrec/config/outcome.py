"""What is measured, explained and shown."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from kgrec.config.section import Section


class EvaluationConfig(Section):
    """What is measured.

    Attributes:
        k: cut-offs.
        metrics: names out of kgrec.metrics.
        baselines: names out of kgrec.evaluation.baselines, with what is fixed, for example
            ``{ name = "EASE", l2 = 250 }``.
        candidates: ``interacted`` ranks the items of the interaction data, ``all`` every node of the item type.
        bootstrap: resamples of the users for the 95 % intervals.
        ablation: evaluate the same model trained without the knowledge graph too.
    """

    k: tuple[int, ...] = (10, 20)
    metrics: tuple[str, ...] = ("ndcg", "recall", "mrr", "hit", "precision", "map", "coverage", "gini")
    baselines: tuple[dict[str, Any], ...] = (
        {"name": "Popularity"},
        {"name": "ItemKNN"},
        {"name": "EASE", "l2": 250.0},
        {"name": "RP3beta"},
        {"name": "iALS"},
    )
    candidates: Literal["interacted", "all"] = "interacted"
    bootstrap: int = Field(default=1000, ge=0)
    ablation: bool = False

    @field_validator("k")
    @classmethod
    def _positive(cls, k: tuple[int, ...]) -> tuple[int, ...]:
        if not k or any(value < 1 for value in k) or len(set(k)) != len(k):
            raise ValueError("cut-offs are distinct whole numbers from 1")
        return k


class ExplainConfig(Section):
    """Which paths explain.

    Attributes:
        max_hops: longest path in edges.
        paths: how many are shown.
    """

    max_hops: int = Field(default=3, ge=2, le=5)
    paths: int = Field(default=5, ge=1)


class ReportConfig(Section):
    """What report.html shows: so many sample users (chosen by the seed), or these."""

    users: tuple[str, ...] = ()
    sample_users: int = Field(default=3, ge=0)
    k: int = Field(default=10, ge=1)
