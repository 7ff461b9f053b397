"""Run as a program by the tests: training that is killed, and training by two processes.

``program.py fit FOLDER [EPOCH]`` trains into FOLDER and prints the history; with EPOCH it kills itself (SIGKILL) in
the middle of that epoch.  ``program.py ddp FOLDER DEVICES EPOCHS`` trains with so many processes and writes the
gradients of the first step to ``FOLDER/gradients.pt``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from planted import make

from kgrec.config.recipe import ModelConfig, TrainingConfig
from kgrec.training import train


class Kill(Callback):
    """Kills the process after the first step of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *rest: Any) -> None:
        if trainer.current_epoch == self.epoch:
            os.kill(os.getpid(), signal.SIGKILL)


class Gradients(Callback):
    """Writes the first step's gradients."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_step == 0 and trainer.is_global_zero:
            gradients = {name: parameter.grad.clone() for name, parameter in pl_module.named_parameters()}
            torch.save({"world": trainer.world_size, "gradients": gradients}, self.path)


def main(mode: str, folder: Path, *rest: str) -> None:
    folder.mkdir(exist_ok=True)
    if mode == "fit":
        settings = TrainingConfig(epochs=6, batch_size=64, patience=6, learning_rate=0.02, device="cpu", threads=1)
        callbacks = (Kill(int(rest[0])),) if rest and rest[0] else ()
        result = train(make(), ModelConfig(name="linear", dim=8), settings, seed=3, folder=folder, callbacks=callbacks)
        result.propagation.save(folder)
    else:
        settings = TrainingConfig(
            epochs=int(rest[1]), batch_size=77, learning_rate=0.02, device="cpu", devices=int(rest[0]), threads=1
        )
        gradients = Gradients(folder / "gradients.pt")
        result = train(
            make(users=61), ModelConfig(name="linear", dim=8), settings, seed=3, folder=folder, callbacks=(gradients,)
        )
    print(json.dumps({"history": result.history, "best": result.best_epoch}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
