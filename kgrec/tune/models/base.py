"""What the tuner and the comparison need of a model, whatever it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kgrec.config.space import Space
from kgrec.progress import SILENT, Progress
from kgrec.recommend.scorer import Scorer
from kgrec.tune.task import FitData


@dataclass(frozen=True)
class How:
    """How a fit is run.

    Attributes:
        seed: the one seed.
        device: for models that train on one.
        folder: a place of its own; exists.  It takes what a later refit needs.
        keep: whether there will be one.
        progress: shows what is running.
        above: the folder of the fitted model that this one is made from, where it is made from one.
    """

    folder: Path
    seed: int = 0
    device: str = "cpu"
    progress: Progress = SILENT
    above: Path | None = None
    keep: bool = True


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted model.

    Attributes:
        scorer: scores histories.
        choices: what was chosen on validation data, JSON: with it :meth:`Tunable.refit` repeats the fit.
    """

    scorer: Scorer
    choices: Mapping[str, Any] = field(default_factory=dict)


class Tunable(ABC):
    """A model by name.

    Attributes:
        name: as the user writes it.
        seeded: whether another seed gives another result.
        code: the modules whose source decides the result.
        sections: of the recipe, whose settings decide it too.
    """

    name: str
    seeded: bool = True
    code: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()

    @property
    @abstractmethod
    def space(self) -> Space:
        """What is tuned freely, parameter → range."""

    @property
    def grid(self) -> Mapping[str, tuple[float, ...]]:
        """Parameter → values that a comparison tries; empty: the settings stay as they are."""
        return {}

    @abstractmethod
    def fit(self, data: FitData, settings: Mapping[str, Any], how: How) -> Fitted:
        """Fits on the training part; chooses on the validation part where it chooses anything.

        Raises:
            UserError: settings or data are at fault.
            CannotFitError: it cannot be fitted to these data.
        """

    @abstractmethod
    def refit(self, data: FitData, settings: Mapping[str, Any], choices: Mapping[str, Any], how: How) -> Scorer:
        """The same fit with the same choices on ``data`` whose training part holds the validation part too.

        ``how.folder`` is the folder that :meth:`fit` had.
        """

    @abstractmethod
    def snippet(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings as the part of a recipe that says them."""
