"""What training an embedding leaves behind; read without torch or PyKEEN."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kgrec.dataset.features import Features, load_features, save_features
from kgrec.errors import StaleError

METRICS = "metrics.json"


@dataclass(frozen=True)
class EmbeddingResult:
    """Vectors of all nodes that occur in a triple, and how good they are.

    Attributes:
        vectors: node type → (float32 matrix ``[num_nodes, dim]``, bool mask ``[num_nodes]``: true where the node is
            in a triple), for the types that have such nodes.
        metrics: ``model``, ``dim`` (columns of a matrix), ``entities``, ``relations``, ``triples`` (distinct ones),
            ``held_out``: how many of them are for ``valid`` and for ``test``; ``epochs`` trained, ``best_epoch`` whose
            vectors these are, ``losses`` (one an epoch), ``valid``: list of (epoch, MRR among sampled entities);
            ``mrr``, ``hits@1``, ``hits@10`` (filtered, heads and tails, among all entities, on ``ranked`` of the
            held-out test triples; null without any) and ``seconds``.  Only ``reason`` where nothing was trained.
    """

    vectors: Features = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: str | Path) -> None:
        """Writes ``vectors.safetensors`` and ``metrics.json`` into the folder (which must exist).

        Raises:
            OSError: a file cannot be written.
        """
        save_features(folder, self.vectors)
        (Path(folder) / METRICS).write_text(json.dumps(self.metrics, indent=1, sort_keys=True) + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> EmbeddingResult:
        """Reads what :meth:`save` wrote.

        Raises:
            StaleError: a file is missing or is not such a file.
        """
        path = Path(folder) / METRICS
        try:
            metrics = json.loads(path.read_text())
        except (FileNotFoundError, ValueError) as error:
            raise StaleError(
                "no embedding metrics here", file=path, expected="JSON", remedy="run `kgrec train RECIPE`"
            ) from error
        return cls(load_features(folder), metrics)
