"""One file that holds everything training needs to go on, replaced in one stroke after each epoch."""

from __future__ import annotations

import math
import pickle
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from kgrec.errors import RecipeError
from kgrec.progress import SILENT, Progress
from kgrec.training.module import RecommenderModule

CHECKPOINT = "last.ckpt"


class KeepBest(Callback):
    """Measures after each epoch, keeps the best weights, stops when they get no better, writes the checkpoint.

    The best weights lie in the same file as the optimiser's state: a kill between two files cannot part them.  Without
    a validation part the last epoch is the best.

    Args:
        path: of the checkpoint.
        patience: epochs without a better NDCG before training stops.
        fingerprint: of everything that determines the training; another one's checkpoint is not resumed.

    Raises:
        RecipeError: the loss or a parameter became infinite or NaN; no checkpoint is written of that epoch.
    """

    def __init__(self, path: Path, patience: int, fingerprint: str) -> None:
        self.path, self.patience, self.fingerprint = path, patience, fingerprint
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Any] = {}
        self.cpu_before = 0.0
        self.cpu_start = time.process_time()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.cpu_start = time.process_time()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, RecommenderModule)
        epoch, loss = trainer.current_epoch + 1, pl_module.epoch_loss()
        if not math.isfinite(loss) or not all(bool(weight.isfinite().all()) for weight in pl_module.parameters()):
            raise RecipeError(
                f"the model's numbers became infinite or NaN in epoch {epoch}",
                column="training.learning_rate",
                value=pl_module.config.learning_rate,
                remedy="make it smaller, or training.temperature larger",
            )
        value = pl_module.validate()
        self.history.append({"epoch": epoch, "loss": loss, "val_ndcg": value})
        for logger in trainer.loggers:
            figures = {"loss": loss} if value is None else {"loss": loss, "val_ndcg@10": value}
            logger.log_metrics(figures, step=epoch)
        if value is None or not self.best or value > self.best["val_ndcg"]:
            weights = {name: tensor.cpu().clone() for name, tensor in pl_module.model.state_dict().items()}
            self.best = {"epoch": epoch, "val_ndcg": value, "cpu_seconds": self._cpu(), "weights": weights}
        if epoch - self.best["epoch"] >= self.patience:
            trainer.should_stop = True
        part = self.path.with_suffix(".part")
        trainer.save_checkpoint(part)
        if trainer.is_global_zero:
            part.replace(self.path)

    def _cpu(self) -> float:
        return self.cpu_before + time.process_time() - self.cpu_start

    def state_dict(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint,
            "history": self.history,
            "best": self.best,
            "cpu_seconds": self._cpu(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history, self.best = state_dict["history"], state_dict["best"]
        self.cpu_before = state_dict["cpu_seconds"]


def read_state(path: Path, fingerprint: str, progress: Progress = SILENT) -> dict[str, Any] | None:
    """The state of :class:`KeepBest` in a checkpoint; None where there is none of this training.

    Nothing in the file is executed: it is read with ``weights_only=True``.  What cannot be read so is no checkpoint;
    ``progress`` is told.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state: dict[str, Any] = content["callbacks"][KeepBest.__qualname__]
        return state if state["fingerprint"] == fingerprint else None
    except FileNotFoundError:
        return None
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError, ValueError):
        progress.say(f"{path}: not a checkpoint that can be read; training starts anew")
        return None
