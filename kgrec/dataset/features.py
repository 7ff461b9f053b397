"""Feature vectors of nodes on disk: one safetensors file, read and written without torch.

Tensor ``<type>`` is a float32 matrix of shape ``[num_nodes, dim]`` in the order of the snapshot's ids, tensor
``<type>/mask`` a bool vector of shape ``[num_nodes]``: true where the node has a vector, the other rows are zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from kgrec.errors import StaleError

FILE = "vectors.safetensors"
MASK = "/mask"

Features = dict[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]
"""Node type → (matrix ``[num_nodes, dim]``, mask ``[num_nodes]``)."""


def save_features(folder: str | Path, features: Mapping[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]) -> None:
    """Writes ``vectors.safetensors`` into the folder (which must exist); the same content gives the same bytes.

    Raises:
        ValueError: a matrix or its mask has the wrong shape, or the two do not fit together.
        OSError: the file cannot be written.
    """
    tensors = {}
    for kind, (matrix, mask) in sorted(features.items()):
        if matrix.ndim != 2 or mask.shape != matrix.shape[:1]:
            raise ValueError(f"{kind!r}: expected [n, dim] and [n] (got {matrix.shape} and {mask.shape})")
        tensors[kind] = np.ascontiguousarray(matrix, dtype=np.float32)
        tensors[kind + MASK] = np.ascontiguousarray(mask, dtype=np.bool_)
    (Path(folder) / FILE).write_bytes(save(tensors))


def load_features(folder: str | Path) -> Features:
    """Reads what :func:`save_features` wrote.

    Raises:
        StaleError: the file is missing or is not such a file.
    """
    path = Path(folder) / FILE
    remedy = "run `kgrec train RECIPE`"
    try:
        tensors = load(path.read_bytes())
    except FileNotFoundError as error:
        raise StaleError("no vectors here", file=path, remedy=remedy) from error
    except SafetensorError as error:
        raise StaleError(f"the vectors cannot be read: {error}", file=path, remedy=remedy) from error
    features: Features = {}
    for kind in sorted(name for name in tensors if not name.endswith(MASK)):
        matrix, mask = tensors[kind], tensors.get(kind + MASK)
        if matrix.dtype != np.float32 or matrix.ndim != 2 or mask is None or mask.shape != matrix.shape[:1]:
            raise StaleError(
                f"the vectors of {kind!r} are not a float32 matrix with its mask", file=path, remedy=remedy
            )
        features[kind] = matrix, mask.astype(np.bool_, copy=False)
    return features
