"""What is measured, explained and shown."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

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


class Phrase(Section):
    """How a relation is read in one language, without its ends: ``is directed by``, ``由…执导``.

    ``…`` is where the object stands, if that is not at the end.

    Attributes:
        forward: read from the source of an edge; a plain string says just this.
        reverse: read from its target (``directed``); without one, the edge is told from its source.
    """

    forward: str
    reverse: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _string(cls, given: Any) -> Any:
        return {"forward": given} if isinstance(given, str) else given

    @field_validator("forward", "reverse")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        if text is not None and (not text.strip("… ") or text.count("…") > 1 or not text.isprintable()):
            raise ValueError("a phrase is words on one line, with … at most once, where the object stands")
        return text


class ExplainConfig(Section):
    """Which paths explain, and in which words.

    Attributes:
        max_hops: longest path in edges.
        paths: how many are shown.
        lang: language tag of the sentences: one that ``kgrec/explain/words`` has a file of.
        phrases: relation name → language tag → how it is read; else its label in that language, else its name.
            ``interacts`` is what people do with items (``watched``).
    """

    max_hops: int = Field(default=3, ge=2, le=5)
    paths: int = Field(default=5, ge=1)
    lang: str = "en"
    phrases: dict[str, dict[str, Phrase]] = Field(default_factory=dict)


class ReportConfig(Section):
    """What report.html shows: so many sample users (chosen by the seed), or these."""

    users: tuple[str, ...] = ()
    sample_users: int = Field(default=3, ge=0)
    k: int = Field(default=10, ge=1)
