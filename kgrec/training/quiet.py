"""Keeps the trainer's tips and notes off the terminal while it runs."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_NOTES = (
    ".*does not have many workers",
    ".*LeafSpec.*is deprecated",
    "GPU available but not used",
    "Starting from v1.9.0, `tensorboardX`",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Raises the level of Lightning's loggers and ignores its notes that do not concern us, for a while."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        for note in _NOTES:
            warnings.filterwarnings("ignore", message=note)
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
