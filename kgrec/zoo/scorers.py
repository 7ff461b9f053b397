"""What is left of a trained model: arrays and a line of numpy that scores; torch is not needed to serve.

A folder holds ``zoo.safetensors`` (the arrays) and ``zoo.json`` (format, kind of scorer, name, sizes).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import StaleError
from kgrec.zoo.names import SCORERS

FORMAT = 1
TENSORS, MANIFEST = "zoo.safetensors", "zoo.json"


class ZooScorer(ABC):
    """Scores all items for histories or known users, as every recommender of the project does.

    Attributes:
        kind: under which it stands in :data:`kgrec.zoo.names.SCORERS`.
        name: of the model, as it stands in tables.
        reads_history: whether it scores the history that it is given; else vectors that belong to users.
    """

    kind: ClassVar[str]
    reads_history: ClassVar[bool] = False
    name: str

    @abstractmethod
    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Scores of all items, float32 ``[batch, num_items]``, from histories CSR ``[batch, num_items]`` and the
        users' ids ``[batch]`` where known."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything that :meth:`restore` needs."""

    @classmethod
    @abstractmethod
    def restore(cls, name: str, arrays: Mapping[str, NDArray[np.generic]], snapshot: Snapshot) -> Self:
        """The scorer from its arrays; the snapshot is the one it was trained on."""

    def save(self, folder: str | Path, **facts: object) -> None:
        """Writes the two files into an existing folder; ``facts`` go into the manifest for people to read."""
        folder = Path(folder)
        save_file({key: np.ascontiguousarray(value) for key, value in self.arrays().items()}, folder / TENSORS)
        manifest = {**facts, "format": FORMAT, "kind": self.kind, "name": self.name}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")


@dataclass(frozen=True, eq=False)
class DotScorer(ZooScorer):
    """``score(u, i) = <u, i>``.  The vectors belong to users: one who was not in training scores zeros.

    Attributes:
        users: float32 ``[num_users, d]``.
        items: float32 ``[num_items, d]``.
    """

    kind: ClassVar[str] = "dot"
    name: str
    users: NDArray[np.float32]
    items: NDArray[np.float32]

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        scores = np.zeros((histories.shape[0], len(self.items)), dtype=np.float32)
        known = known_users(users, len(self.users))
        if users is not None and known.size:
            scores[known] = self.users[users[known]] @ self.items.T
        return scores

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        return {"users": self.users, "items": self.items}

    @classmethod
    def restore(cls, name: str, arrays: Mapping[str, NDArray[np.generic]], snapshot: Snapshot) -> Self:
        users, items = (np.asarray(arrays[key], dtype=np.float32) for key in ("users", "items"))
        check_sizes(snapshot, len(users), len(items))
        return cls(name, users, items)


def known_users(users: NDArray[np.int64] | None, num_users: int) -> NDArray[np.int64]:
    """Positions in the batch of users that were in training: int64, sorted; none where no ids are given."""
    if users is None:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero((users >= 0) & (users < num_users))


def check_sizes(snapshot: Snapshot, num_users: int, num_items: int) -> None:
    """Refuses a model of another snapshot.

    Raises:
        StaleError: the numbers of users or items differ.
    """
    if (num_users, num_items) != (snapshot.num_users, snapshot.num_items):
        raise StaleError(
            "the model was trained on another snapshot",
            value=f"{num_users} users, {num_items} items",
            expected=f"{snapshot.num_users} users, {snapshot.num_items} items",
            remedy="train it again",
        )


def load_zoo(folder: str | Path, snapshot: Snapshot) -> ZooScorer:
    """A trained model from the folder :meth:`ZooResult.save` wrote.

    Raises:
        StaleError: the files are missing, damaged, of another format, or of another snapshot.
    """
    folder = Path(folder)
    remedy = "train it again"
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest.get("format") != FORMAT or manifest.get("kind") not in SCORERS:
            raise StaleError(
                "the model is of another format version", file=folder / MANIFEST, expected=str(FORMAT), remedy=remedy
            )
        module, _, attribute = SCORERS[manifest["kind"]].partition(":")
        kind: type[ZooScorer] = getattr(import_module(module), attribute)
        return kind.restore(manifest["name"], load_file(folder / TENSORS), snapshot)
    except FileNotFoundError as error:
        raise StaleError("no trained model here", file=folder, remedy=remedy) from error
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise StaleError(f"the trained model is damaged: {error}", file=folder, remedy=remedy) from error
