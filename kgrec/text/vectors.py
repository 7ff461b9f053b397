"""Vectors of texts and of a snapshot's nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from kgrec.config.recipe import TextConfig
from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import RecipeError, nearest
from kgrec.progress import SILENT, Progress
from kgrec.text.cache import VectorCache, text_key
from kgrec.text.encoder import Encoder

COMMIT = 8
"""Batches between two writes to the cache: what a kill can cost."""


def encode_texts(
    texts: Sequence[str], config: TextConfig, cache: str | Path, device: str = "auto", progress: Progress = SILENT
) -> NDArray[np.float32]:
    """Vectors of texts; each distinct text is encoded once and kept in the cache.

    A text's vector is the same to the last bit whatever is encoded beside it (see :meth:`Encoder.encode`), so a run
    from a half-filled cache equals a fresh one.

    Args:
        texts: any texts.
        config: the encoder and its limits.
        cache: folder of the cache.
        device: a torch device, or ``auto``.
        progress: shows how many texts are encoded.

    Returns:
        float32, shape ``[len(texts), dim]``.

    Raises:
        UserError: the encoder is not installed, cannot be loaded, or there is no such device.
        StorageError: the cache cannot be written.
    """
    encoder = Encoder(config, device)
    distinct = {text_key(text): text for text in texts}
    with VectorCache(cache) as store:
        vectors = dict(store.get(encoder.fingerprint, distinct, encoder.dim))
        missing = sorted(distinct.keys() - vectors.keys())
        progress.say(f"text: {len(distinct):,} distinct texts, {len(missing):,} to encode with {config.encoder}")
        lengths = encoder.lengths([distinct[key] for key in missing])
        by_length = sorted(zip(lengths, missing))
        with progress.task("encoding texts", total=len(missing), unit="texts") as task:
            for length, group in groupby(by_length, key=lambda pair: pair[0]):
                keys = [key for _, key in group]
                step = COMMIT * encoder.rows(length)
                for start in range(0, len(keys), step):
                    part = keys[start : start + step]
                    encoded = encoder.encode([distinct[key] for key in part], length)
                    store.put(encoder.fingerprint, part, encoded)
                    vectors.update(zip(part, encoded))
                    task.advance(len(part))
    result = np.zeros((len(texts), encoder.dim), dtype=np.float32)
    for row, text in enumerate(texts):
        result[row] = vectors[text_key(text)]
    return result


def encode_nodes(
    snapshot: Snapshot, config: TextConfig, cache: str | Path, device: str = "auto", progress: Progress = SILENT
) -> Features:
    """Text vectors of all nodes that have a text, users excepted (see :func:`node_texts`).

    Args:
        snapshot: gives types, texts and labels.
        config: the encoder, its limits, and the node types that are encoded.
        cache: folder of the cache.
        device: a torch device, or ``auto``.
        progress: shows how many texts are encoded.

    Returns:
        Node type → (float32 matrix ``[num_nodes, dim]``, bool mask ``[num_nodes]``); a type none of whose nodes has
        a text is absent.

    Raises:
        RecipeError: ``text.types`` names a type that the snapshot lacks, or users.
        UserError: the encoder is not installed, cannot be loaded, or there is no such device.
        StorageError: the cache cannot be written.
    """
    texts = node_texts(snapshot, config) if config.enabled else {}
    if not texts:
        progress.say("text: off" if not config.enabled else "text: no node has a text, so there are no text vectors")
        return {}
    flat = [text for rows in texts.values() for text in rows if text is not None]
    vectors = encode_texts(flat, config, cache, device, progress)
    features: Features = {}
    start = 0
    for kind, rows in texts.items():
        mask = np.array([text is not None for text in rows], dtype=np.bool_)
        matrix = np.zeros((len(rows), vectors.shape[1]), dtype=np.float32)
        count = int(mask.sum())
        matrix[mask] = vectors[start : start + count]
        start += count
        features[kind] = matrix, mask
    return features


def node_texts(snapshot: Snapshot, config: TextConfig) -> dict[str, list[str | None]]:
    """What is encoded of each node, in the order of the ids: its text, else its label, else nothing.

    A label counts by ``config.labels``; by default only where it says more than the id: one that is the key or the
    IRI's local name again is an id and no text.  Types without a single text are absent, users always.

    Raises:
        RecipeError: ``text.types`` names a type that the snapshot lacks, or users.
    """
    known = [kind for kind in snapshot.num_nodes if kind != snapshot.user_type]
    for kind in config.types:
        if kind not in known:
            close = nearest(kind, known)
            raise RecipeError(
                "users have no text" if kind == snapshot.user_type else "no such node type",
                column="text.types",
                value=kind,
                expected=f"some of {', '.join(known)}",
                remedy=f"nearest: {', '.join(close)}" if close else None,
            )
    texts: dict[str, list[str | None]] = {}
    for kind in config.types or known:
        nodes = snapshot.of_type(kind).select("iri", "key", "label", "text")
        rows = [text_of(*row, labels=config.labels) for row in nodes.iter_rows()]
        if any(row is not None for row in rows):
            texts[kind] = rows
    return dict(sorted(texts.items()))


def text_of(iri: str, key: str | None, label: str | None, text: str | None, *, labels: str) -> str | None:
    """What is encoded of one node, as :func:`node_texts` says; None for nothing."""
    if text is not None and text.strip():
        return text.strip()
    if label is None or not label.strip() or labels == "off":
        return None
    if labels == "named" and _folded(label) in {_folded(name) for name in _id_names(iri, key)}:
        return None
    return label.strip()


def _id_names(iri: str, key: str | None) -> Iterable[str]:
    yield iri
    local = iri
    for mark in "#/:":
        local = local.rsplit(mark, 1)[-1]
    yield local
    yield unquote(local)
    if key is not None:
        yield key


def _folded(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).casefold()
