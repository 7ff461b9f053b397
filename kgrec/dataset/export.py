"""The snapshot for other tools: Parquet frames, plain tensors, labelled triples.

A file is written beside its place and renamed, so that what stands there is whole.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from graph_builders import EdgeTable, GraphTables, NodeTable, to_hetero_data
from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import DataError, StorageError

if TYPE_CHECKING:
    from torch import Tensor
    from torch_geometric.data import HeteroData

HETERO_FORMAT = 1
Target = Literal["parquet", "hetero", "triples"]
ROWS = 1_000_000


def export(snapshot: Snapshot, to: Target, out: str | Path, features: Mapping[str, Features] | None = None) -> None:
    """Writes the snapshot for another tool.

    ``parquet``: a folder with the snapshot's frames, as :meth:`Snapshot.open` reads them.
    ``triples``: tab separated head IRI, relation name, tail IRI, sorted, each once: what PyKEEN's
    ``TriplesFactory.from_path`` reads.  Interactions are not among them.
    ``hetero``: one file of plain tensors for ``torch.load(…, weights_only=True)``; :func:`load_hetero` makes it a
    ``HeteroData``.  It is a dict: ``format``; ``num_nodes`` type → number; ``iris`` type → list of IRIs by id;
    ``features`` and ``masks`` type → name → tensor; ``edge_index`` (source type, relation, target type) → int64
    tensor of shape ``[2, num_edges]``, without reverse edges.  Its interactions are the training ones.

    Args:
        snapshot: the graph.
        to: which of these.
        out: file, or folder for ``parquet``.
        features: for ``hetero``: feature name → node type → (matrix ``[num_nodes, dim]``, mask ``[num_nodes]``).

    Raises:
        DataError: ``out`` is in the way: a folder where a file is to be, or a folder that is no earlier export.
        StorageError: the disk is full or cannot be written; what was there before still is.
    """
    out = Path(out)
    writers: dict[Target, Callable[[Path], None]] = {
        "parquet": lambda place: _parquet(snapshot, place),
        "triples": lambda place: _triples(snapshot, place),
        "hetero": lambda place: _hetero(snapshot, place, features or {}),
    }
    _check(out, folder=to == "parquet")
    place = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        writers[to](place)
        _replace(place, out)
    except OSError as error:
        full = error.errno == errno.ENOSPC
        raise StorageError(
            f"{'the disk is full' if full else 'cannot write'}: {out}: {error.strerror or error}"
        ) from error
    finally:
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


def load_hetero(path: str | Path) -> HeteroData:
    """The ``HeteroData`` of a file that ``export(…, "hetero", path)`` wrote, reverse edges included.

    Raises:
        DataError: the file is missing or is no such file.
    """
    import pickle

    import torch

    try:
        content = torch.load(path, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise DataError("no graph of plain tensors", file=path, remedy="export it with --to hetero") from error
    if not isinstance(content, dict) or content.get("format") != HETERO_FORMAT:
        raise DataError("no graph of this format", file=path, expected=f"format {HETERO_FORMAT}")
    nodes = tuple(
        NodeTable(kind, count, _arrays(content["features"].get(kind)), _arrays(content["masks"].get(kind)))
        for kind, count in sorted(content["num_nodes"].items())
    )
    edges = tuple(
        EdgeTable(source, relation, target, index.numpy())
        for (source, relation, target), index in sorted(content["edge_index"].items())
    )
    return to_hetero_data(GraphTables(nodes, edges))


def _arrays(tensors: Mapping[str, Any] | None) -> dict[str, NDArray[Any]]:
    return {name: tensor.numpy() for name, tensor in (tensors or {}).items()}


def _parquet(snapshot: Snapshot, place: Path) -> None:
    place.mkdir()
    snapshot.write(place)


def _triples(snapshot: Snapshot, place: Path) -> None:
    nodes = snapshot.nodes.select("type", "id", "iri")
    triples = (
        snapshot.edges.select("source_type", "source", "relation", "target_type", "target")
        .unique()
        .join(nodes.rename({"iri": "head"}), left_on=["source_type", "source"], right_on=["type", "id"])
        .join(nodes.rename({"iri": "tail"}), left_on=["target_type", "target"], right_on=["type", "id"])
        .select("head", "relation", "tail")
        .sort("head", "relation", "tail")
    )
    with place.open("wb") as file:
        for part in triples.iter_slices(ROWS):
            file.write(part.write_csv(separator="\t", include_header=False, quote_style="never").encode())


def _hetero(snapshot: Snapshot, place: Path, features: Mapping[str, Features]) -> None:
    import torch

    iris = dict(snapshot.nodes.group_by("type", maintain_order=True).agg("iri").iter_rows())
    edges = snapshot.graph_tables().edges
    content = {
        "format": HETERO_FORMAT,
        "num_nodes": snapshot.num_nodes,
        "iris": {kind: iris.get(kind, []) for kind in snapshot.num_nodes},
        "features": _by_type(snapshot, {name: {k: m for k, (m, _) in f.items()} for name, f in features.items()}),
        "masks": _by_type(snapshot, {name: {k: m for k, (_, m) in f.items()} for name, f in features.items()}),
        "edge_index": {edge.key: torch.tensor(edge.index) for edge in edges},
    }
    # By way of memory, because PyTorch's own writer does not say that a disk is full.
    memory = io.BytesIO()
    torch.save(content, memory)
    place.write_bytes(memory.getbuffer())


def _by_type(snapshot: Snapshot, arrays: Mapping[str, Mapping[str, NDArray[Any]]]) -> dict[str, dict[str, Tensor]]:
    """Feature name → type → array, as type → feature name → tensor."""
    import torch

    return {
        kind: {name: torch.tensor(by_type[kind]) for name, by_type in sorted(arrays.items()) if kind in by_type}
        for kind in snapshot.num_nodes
    }


def _check(out: Path, folder: bool) -> None:
    """Refuses to write over what no export made."""
    if folder and out.exists() and not (out / "snapshot.json").is_file():
        if not out.is_dir() or any(out.iterdir()):
            raise DataError("this is in the way", file=out, expected="a new folder, or an earlier export")
    elif not folder and out.is_dir():
        raise DataError("this is a folder", file=out, expected="a file name")


def _replace(place: Path, out: Path) -> None:
    """Puts the finished file or folder where it belongs; an earlier folder is moved away first, then deleted."""
    old = place.with_suffix(".old")
    if out.is_dir():
        out.rename(old)
    place.rename(out)
    if old.exists():
        shutil.rmtree(old)
