"""What PyKEEN runs in: folders, log levels, random states."""

from __future__ import annotations

import gc
import logging
import os
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

WARNINGS = (r"`torch\.jit\.script` is deprecated", r"Training instances are always shuffled")
"""What PyKEEN's own use of its parts and of torch makes Python say."""


@contextmanager
def quiet_pykeen() -> Iterator[None]:
    """PyKEEN below the project's cache folder, without its log lines and without its advice on CPU evaluation."""
    cache = os.environ.get("KGREC_CACHE")
    if cache:
        os.environ.setdefault("PYSTOW_HOME", str(Path(cache) / "pystow"))
    loggers = [logging.getLogger(name) for name in ("pykeen", "torch_max_mem")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        for message in WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels):
                logger.setLevel(level)


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """PyKEEN draws from the global generators: they are seeded here and put back afterwards."""
    import torch

    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            torch.manual_seed(seed)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


@contextmanager
def frozen_heap() -> Iterator[None]:
    """PyKEEN collects garbage after every epoch: .4 s over the objects of all imported libraries, set aside here."""
    ours = not gc.get_freeze_count()
    if ours:
        gc.freeze()
    try:
        yield
    finally:
        if ours:
            gc.unfreeze()
