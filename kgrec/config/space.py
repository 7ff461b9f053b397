"""What a model's parameters may be while it is tuned: a name → range, declared beside the model's own settings.

Pure data: the tuner turns them into its library's distributions, and importing a model loads no tuner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Real:
    """A real number in ``[low, high]``, drawn evenly or (``log``) evenly in its logarithm."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Whole:
    """A whole number in ``[low, high]``."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True)
class OneOf:
    """One of these values."""

    values: tuple[str | int | float | bool, ...]


Range = Real | Whole | OneOf
Space = Mapping[str, Range]
"""Parameter (dotted where it lies in a sub-section, for example ``input.dropout``) → its range."""
