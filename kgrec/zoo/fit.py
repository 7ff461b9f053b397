"""The one trainer of the zoo: Adam over the model's batches, early stopping on validation NDCG@10."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from kgrec.config.device import torch_device
from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import RecipeError
from kgrec.metrics import find_hits, ndcg
from kgrec.progress import SILENT, Progress
from kgrec.training.validation import CELLS, K, Validation
from kgrec.zoo.again import PARAMETERS, parameters_of
from kgrec.zoo.base import ZooModel
from kgrec.zoo.data import ZooData
from kgrec.zoo.registry import make_config, zoo_class
from kgrec.zoo.scorers import ZooScorer


@dataclass(frozen=True, eq=False)
class ZooResult:
    """A trained model.

    Attributes:
        scorer: of the best epoch.
        history: an epoch each: ``epoch`` (from 1), ``loss`` (mean over the batches), ``val_ndcg`` (NDCG@10, None
            without a validation part), ``cpu_seconds`` (CPU time of this process for the epoch's training alone).
        epoch: the epoch kept (from 1): the best on validation, the last without a validation part.
        val_ndcg: its NDCG@10.
        cpu_seconds: CPU time of this process in all, building the model and validation included.
        settings: every setting the model ran with.
        seed: the seed.
        parameters: of the epoch kept, by name.
    """

    scorer: ZooScorer
    history: list[dict[str, Any]]
    epoch: int
    val_ndcg: float | None
    cpu_seconds: float
    settings: dict[str, Any]
    seed: int
    parameters: dict[str, NDArray[np.generic]]

    def save(self, folder: str | Path) -> None:
        """Writes into the folder (made where missing) what :func:`kgrec.zoo.load_zoo` reads, and the parameters for
        :mod:`kgrec.zoo.again`."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        facts = {"settings": self.settings, "seed": self.seed, "history": self.history}
        self.scorer.save(folder, **facts, epoch=self.epoch, val_ndcg=self.val_ndcg, cpu_seconds=self.cpu_seconds)
        save_file(self.parameters, Path(folder) / PARAMETERS)


def fit_zoo(
    name: str | type[ZooModel],
    snapshot: Snapshot,
    settings: Mapping[str, Any] | None = None,
    *,
    text: Features | None = None,
    kg: Features | None = None,
    seed: int = 0,
    device: str = "cpu",
    folder: str | Path | None = None,
    progress: Progress = SILENT,
) -> ZooResult:
    """Trains one of the zoo's models, or a class of one's own; the same input and seed give the same result.

    Without a validation part it trains for all epochs and keeps the last.

    Args:
        name: one of :data:`kgrec.zoo.ZOO`, or a class.
        snapshot: the training part is learned from, the validation part stops; the test part is not read.
        settings: in place of the model's defaults.
        text, kg: feature vectors by node type, for models that read them.
        seed: of the parameters, batches, negatives and dropout.
        device: ``cpu``, ``cuda``, ``auto``.
        folder: takes the trained model where given.
        progress: shows the epochs.

    Raises:
        RecipeError: an unknown model or setting, or numbers that become infinite or NaN.
        DataError: there are no training interactions, or a feature is not finite.
        UserError: there is no such device.
    """
    kind = zoo_class(name)
    config = make_config(kind, settings or {})
    where = torch_device(device)
    start = time.process_time()
    data, validation = ZooData.of(snapshot, text, kg), Validation(snapshot)
    history: list[dict[str, Any]] = []
    best: tuple[int, float | None, ZooScorer, dict[str, NDArray[np.generic]]] | None = None
    # to seed is to seed every device, whichever is used
    with (
        torch.random.fork_rng(devices=range(torch.cuda.device_count())),
        progress.task(kind.name, config.epochs, "epochs") as task,
    ):
        torch.manual_seed(seed)
        model = kind(data, config, seed).to(where)
        optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
        for epoch in range(config.epochs):
            before = time.process_time()
            loss = _epoch(model, optimiser, epoch)
            used = time.process_time() - before
            model.eval()
            scorer = model.scorer()
            value = validation_ndcg(validation, scorer)
            finite = math.isfinite(loss) and all(bool(weight.isfinite().all()) for weight in model.parameters())
            if not finite or (value is not None and math.isnan(value)):
                raise RecipeError(
                    f"the numbers of {kind.name} became infinite or NaN in epoch {epoch + 1}",
                    column="learning_rate",
                    value=config.learning_rate,
                    remedy="make it smaller",
                )
            history.append({"epoch": epoch + 1, "loss": loss, "val_ndcg": value, "cpu_seconds": used})
            if best is None or value is None or best[1] is None or value > best[1]:
                best = epoch + 1, value, scorer, parameters_of(model)
            task.advance()
            if epoch + 1 - best[0] >= config.patience:
                break
    assert best is not None
    cpu = time.process_time() - start
    kept, value, scorer, parameters = best
    result = ZooResult(scorer, history, kept, value, cpu, config.model_dump(mode="json"), seed, parameters)
    if folder is not None:
        result.save(folder)
    return result


def _epoch(model: ZooModel, optimiser: torch.optim.Optimizer, epoch: int) -> float:
    """One pass over the batches; the mean loss, 0 where there is no batch."""
    model.train()
    model.begin_epoch(epoch)
    total, steps = 0.0, 0
    for batch in model.batches(epoch):
        optimiser.zero_grad(set_to_none=True)
        loss = model.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total, steps = total + float(loss.detach()), steps + 1
    return total / max(steps, 1)


def validation_ndcg(validation: Validation, scorer: ZooScorer) -> float | None:
    """Mean NDCG@10 on the validation part by what will serve; training items are masked.

    None without a validation part; NaN where a score is infinite or NaN.
    """
    if not validation:
        return None
    candidates, lists = validation.candidates, []
    width = min(K, len(candidates))
    for start in range(0, len(validation.users), block := max(1, CELLS // validation.seen.shape[1])):
        part = slice(start, start + block)
        with np.errstate(over="ignore", invalid="ignore"):
            cost = -scorer.score(validation.seen[part], validation.users[part])[:, candidates]
        if not np.isfinite(cost).all():
            return math.nan
        cost[validation.seen[part][:, candidates].toarray() > 0] = np.inf
        top = np.argpartition(cost, width - 1, axis=1)[:, :width]
        order = np.argsort(np.take_along_axis(cost, top, axis=1), axis=1, kind="stable")
        lists.append(candidates[np.take_along_axis(top, order, axis=1)])
    hits = find_hits(np.concatenate(lists), validation.relevant)
    return float(ndcg(hits, np.diff(validation.relevant.indptr), K).mean())
