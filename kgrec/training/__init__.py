"""Training: objectives, sampling, the Lightning module, checkpoints; :func:`train` is the way in."""

from kgrec.training.fit import train
from kgrec.training.result import TrainResult

__all__ = ["TrainResult", "train"]
