"""A trained model run again: its parameters as they were learned, over a graph that may have been edited since.

Beside its serving form a model's folder holds ``parameters.safetensors``, those of the epoch that was kept.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import StaleError
from kgrec.zoo.base import ZooModel
from kgrec.zoo.data import ZooData
from kgrec.zoo.registry import make_config, zoo_class
from kgrec.zoo.scorers import MANIFEST, ZooScorer

PARAMETERS = "parameters.safetensors"


def parameters_of(model: ZooModel) -> dict[str, NDArray[np.generic]]:
    """A copy of everything that was learned, by name; what is made from the graph is not among it."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in model.state_dict().items()}


class TrainedModel:
    """A model of the zoo that can be run on other edges.

    Args:
        folder: where it was saved.
        snapshot: what it was trained on.
        text, kg: the node features that it was trained with.

    Raises:
        StaleError: the parameters are missing or damaged.
    """

    def __init__(
        self, folder: str | Path, snapshot: Snapshot, text: Features | None = None, kg: Features | None = None
    ) -> None:
        self.snapshot, self.text, self.kg = snapshot, text, kg
        self.folder = Path(folder)
        remedy = "run `kgrec train RECIPE` again"
        try:
            manifest = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
            self.parameters = load_file(self.folder / PARAMETERS)
        except FileNotFoundError as error:
            raise StaleError(
                "there are no parameters to run the trained model again", file=folder, remedy=remedy
            ) from error
        except (ValueError, SafetensorError) as error:
            raise StaleError(f"the trained model is damaged: {error}", file=folder, remedy=remedy) from error
        self.kind = zoo_class(str(manifest["name"]))
        self.config, self.seed = make_config(self.kind, manifest["settings"]), int(manifest["seed"])

    def scorer(self, snapshot: Snapshot | None = None) -> ZooScorer:
        """The whole forward pass: edges, degrees, normalisation and attention are those of the graph given.

        Args:
            snapshot: the one that it was trained on with other edges and training interactions; that itself by
                default.

        Raises:
            StaleError: the parameters are another snapshot's.
            DataError: there are no training interactions left.
        """
        data = ZooData.of(snapshot or self.snapshot, self.text, self.kg, like=self.snapshot)
        with torch.random.fork_rng(devices=[]):
            model = self.kind(data, self.config, self.seed)
        try:
            model.load_state_dict(self.parameters)
        except RuntimeError as error:
            raise StaleError(
                "the model was trained on another snapshot", file=self.folder, remedy="train it again"
            ) from error
        return model.eval().scorer()
