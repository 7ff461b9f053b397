"""What every baseline is: a frozen configuration with a :meth:`fit` that returns a scorer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import ClassVar

import scipy.sparse as sp

from kgrec.config.recipe import Section
from kgrec.config.space import Space
from kgrec.errors import KgrecError
from kgrec.recommend.scorer import Scorer


class CannotFitError(KgrecError):
    """A baseline cannot be fitted here: the data are too large for it, or an extra is not installed."""


class Baseline(Section):
    """A baseline's fixed parameters.

    Class attributes:
        space: what the parameters may be while they are tuned freely.
        grid: parameter → values that are tried on validation data for a comparison; none: it stays as it is.
    """

    space: ClassVar[Space] = {}
    grid: ClassVar[Mapping[str, tuple[float, ...]]] = {}

    @abstractmethod
    def fit(self, matrix: sp.csr_array, seed: int = 0) -> Scorer:
        """Learns from the training interactions; the same matrix and seed give the same scorer.

        Args:
            matrix: float32 binary CSR of shape ``[num_users, num_items]``.
            seed: for baselines that start at random.

        Raises:
            CannotFitError: too large, or an extra is missing.
        """


def load_implicit(module: str) -> ModuleType:
    """A module of the library implicit, which comes with the extra ``train``.

    Raises:
        CannotFitError: it is not installed.
    """
    try:
        return import_module(f"implicit.{module}")
    except ImportError as error:
        raise CannotFitError("needs the package implicit: pip install 'kgrec[train]'") from error
