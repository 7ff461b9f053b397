"""What training gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kgrec.models.propagation import Propagation


@dataclass(frozen=True, eq=False)
class TrainResult:
    """A trained model.

    Attributes:
        propagation: its serving form, of the best epoch.
        history: an epoch each: ``epoch`` (from 1), ``loss`` (mean over the positives), ``val_ndcg`` (NDCG@10, None
            without a validation part).
        best_epoch: the epoch kept (from 1): the best on validation, the last without one.
        val_ndcg: its NDCG@10.
        cpu_seconds: CPU time of this process from the start of training to the end of the best epoch, validation
            included; what an interrupted run had used counts.
    """

    propagation: Propagation
    history: list[dict[str, Any]]
    best_epoch: int
    val_ndcg: float | None
    cpu_seconds: float
