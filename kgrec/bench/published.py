"""Figures that others have published or measured with the published code, on the same fixed splits and protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

RECBOLE = "RecBole 1.2.1, measured on the same split, all items ranked (Zhao et al., RecBole, CIKM 2021)"
PAPER = "as published, on the same split and protocol"


@dataclass(frozen=True)
class Published:
    """One cited row; ``metrics`` as in the table, on the test part, fitted on the training part."""

    dataset: str
    model: str
    metrics: Mapping[str, float]
    source: str

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "fit": "train", "published": True}


PUBLISHED = (
    Published("ml-100k", "LightGCN", {"ndcg@10": 0.2181, "ndcg@20": 0.2525}, RECBOLE),
    Published("ml-100k", "CFKG", {"ndcg@10": 0.1987}, RECBOLE),
    Published("ml-100k", "KGIN", {"ndcg@10": 0.1916, "ndcg@20": 0.2298}, RECBOLE),
    Published("ml-100k", "KGCN", {"ndcg@10": 0.1813}, RECBOLE),
    Published("ml-100k", "KGAT", {"ndcg@10": 0.1695}, RECBOLE),
    Published("lastfm", "AdaKG", {"recall@10": 0.3053, "mrr@10": 0.1398}, PAPER),
    Published("lastfm", "LightKG", {"recall@10": 0.2976, "mrr@10": 0.1351}, PAPER),
)
