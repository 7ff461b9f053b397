"""Trains a PyKEEN model on the knowledge graph's triples; interactions never take part."""

from __future__ import annotations

import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graph_builders import to_mapped_triples
from kgrec.config.device import torch_device
from kgrec.config.recipe import EmbeddingConfig
from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.embeddings.environment import frozen_heap, own_randomness, quiet_pykeen
from kgrec.embeddings.result import EmbeddingResult
from kgrec.embeddings.triples import Parts, dense, split
from kgrec.errors import RecipeError, UserError
from kgrec.progress import SILENT, Progress

if TYPE_CHECKING:
    import torch
    from pykeen.models import Model

FEWEST = 10
"""Triples below which nothing is trained: none could be held out to say whether the vectors mean anything."""


def train_embedding(
    snapshot: Snapshot,
    config: EmbeddingConfig,
    seed: int,
    device: str = "auto",
    progress: Progress = SILENT,
) -> EmbeddingResult:
    """Trains the configured model with early stopping and ranks held-out triples.

    Deterministic for one seed, machine and number of threads; the global random states are left as they were.

    Args:
        snapshot: its knowledge-graph edges are the triples.
        config: model, optimiser, stopping and held-out shares.
        seed: of split, weights, order and negatives.
        device: a torch device, or ``auto``.
        progress: shows epochs with their loss.

    Returns:
        Vectors and metrics; without vectors where the embedding is off or there are fewer than ten triples.

    Raises:
        RecipeError: PyKEEN has no such model or loss, refuses their arguments, or the loss becomes infinite.
        UserError: PyKEEN is not installed, or there is no such device.
    """
    if not config.enabled:
        return _nothing("the recipe says enabled = false", progress)
    if len(snapshot.edges) < FEWEST:
        return _nothing(f"{len(snapshot.edges)} triples are too few, {FEWEST} are needed", progress)
    if find_spec("pykeen") is None:
        raise UserError(
            "knowledge-graph embeddings need PyKEEN",
            remedy="pip install 'kgrec[train]', or set embedding.enabled = false",
        )
    start = time.perf_counter()
    with quiet_pykeen(), own_randomness(seed):
        from kgrec.embeddings.ranking import entity_matrix, rank_test

        triples, entities, relations = dense(to_mapped_triples(snapshot.graph_tables(interactions=False)))
        if len(triples) < FEWEST:
            return _nothing(f"{len(triples)} distinct triples are too few, {FEWEST} are needed", progress)
        rng = np.random.Generator(np.random.Philox(seed))
        parts = split(triples, config.valid, config.test, rng)
        model, trained = _train(config, parts, len(entities), len(relations), seed, rng, torch_device(device), progress)
        ranked = rank_test(model, parts, progress)
        matrix = entity_matrix(model)
    metrics = {
        "model": type(model).__name__,
        "dim": int(matrix.shape[1]),
        "entities": len(entities),
        "relations": len(relations),
        "triples": len(triples),
        "held_out": {"valid": len(parts.valid), "test": len(parts.test)},
        **trained,
        **ranked,
        "seconds": round(time.perf_counter() - start, 3),
    }
    mrr = "no triple could be held out" if ranked["mrr"] is None else f"held-out MRR {ranked['mrr']:.3f}"
    progress.say(f"embedding: {metrics['model']}, {len(triples):,} triples, {trained['epochs']} epochs, {mrr}")
    return EmbeddingResult(_aligned(snapshot, entities, matrix), metrics)


def _nothing(reason: str, progress: Progress) -> EmbeddingResult:
    progress.say(f"embedding: no knowledge-graph vectors: {reason}")
    return EmbeddingResult({}, {"reason": reason})


def _train(
    config: EmbeddingConfig,
    parts: Parts,
    num_entities: int,
    num_relations: int,
    seed: int,
    rng: np.random.Generator,
    device: torch.device,
    progress: Progress,
) -> tuple[Model, dict[str, Any]]:
    import torch
    from pykeen.training import NonFiniteLossError, SLCWATrainingLoop, TrainingCallback
    from pykeen.triples import CoreTriplesFactory

    from kgrec.embeddings.models import make_model
    from kgrec.embeddings.stopping import SampledMrrStopper

    factory = CoreTriplesFactory.create(
        torch.from_numpy(parts.train), num_entities=num_entities, num_relations=num_relations
    )
    model = make_model(config, factory, seed).to(device)
    loop = SLCWATrainingLoop(
        model=model,
        triples_factory=factory,
        optimizer=torch.optim.Adam(model.get_grad_params(), lr=config.learning_rate),
        automatic_memory_optimization=False,
        negative_sampler_kwargs={"num_negs_per_pos": config.negatives},
    )
    stopper = None
    if len(parts.valid):
        known = np.concatenate([parts.train, parts.valid, parts.test])
        stopper = SampledMrrStopper(
            model, parts.valid, known, frequency=config.frequency, patience=config.patience, rng=rng
        )
    with progress.task(f"training {type(model).__name__}", total=config.epochs, unit="epochs") as task:

        class Shown(TrainingCallback):
            def post_epoch(self, epoch: int, epoch_loss: float, **kwargs: Any) -> None:
                task.describe(f"training {type(model).__name__}, loss {epoch_loss:.4f}")
                task.advance()

        try:
            with frozen_heap():
                losses = loop.train(
                    factory,
                    num_epochs=config.epochs,
                    batch_size=min(config.batch_size, len(parts.train)),
                    stopper=stopper,
                    callbacks=[Shown],
                    use_tqdm=False,
                    num_workers=0,
                    pin_memory=False,
                )
        except NonFiniteLossError as error:
            raise RecipeError(
                "the embedding's loss became infinite or NaN",
                column="embedding.learning_rate",
                value=config.learning_rate,
                remedy="make it smaller, or choose another loss",
            ) from error
    losses = [float(loss) for loss in losses or []]
    best = len(losses)
    if stopper is not None and stopper.best_state:
        model.load_state_dict(stopper.best_state)
        best = int(stopper.logic.best_epoch or best)
    history = [] if stopper is None else [list(pair) for pair in stopper.history]
    return model, {"epochs": len(losses), "best_epoch": best, "losses": losses, "valid": history}


def _aligned(snapshot: Snapshot, entities: NDArray[np.int64], matrix: NDArray[np.float32]) -> Features:
    """The rows sorted into the snapshot's ids; nodes without a triple are masked out."""
    features: Features = {}
    for kind, count in snapshot.num_nodes.items():
        first = snapshot.offsets[kind]
        low, high = np.searchsorted(entities, [first, first + count])
        if low == high:
            continue
        vectors = np.zeros((count, matrix.shape[1]), dtype=np.float32)
        mask = np.zeros(count, dtype=np.bool_)
        rows = entities[low:high] - first
        vectors[rows], mask[rows] = matrix[low:high], True
        features[kind] = vectors, mask
    return features
