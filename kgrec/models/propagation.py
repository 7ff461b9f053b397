"""The serving form of the linear graph neural network: numpy only, exact, and the ground of every explanation.

With ``A`` the relation-weighted normalised adjacency over all stacked nodes, ``z = Σ_l a_l A^l x`` and
``score(u, i) = <z_u, z_i>``.  A user's input row is zero (unless the recipe gives users vectors), so a user's vector
is a function of their history alone and splits into one vector an item::

    z_u = |H|^(-1/2) Σ_{j in H} S_j,      S_j = w · d_j^(-1/2) Σ_{l>=1} a_l x_j^(l-1)

with ``w`` the weight with which users receive from items and ``d_j`` the item's number of training interactions.  Hence
``scores = (|H|^(-1/2) H S) Tᵀ`` with ``T`` the items' own ``z``: who arrives after training is scored by the same line.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from kgrec.dataset.snapshot import INTERACTS, Snapshot
from kgrec.errors import StaleError

FORMAT = 1
TENSORS, MANIFEST = "propagation.safetensors", "propagation.json"
EdgeType = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class Propagation:
    """A trained linear propagation.  Nodes of all types are stacked in the snapshot's order (``snapshot.offsets``).

    Attributes:
        name: as it stands in tables.
        x: input vectors, float32 ``[N, d]``; users' rows are zero unless they carry vectors.
        layer_weights: ``a_l >= 0``, float64 ``[L + 1]``.
        edge_types: (source type, relation, target type) of the ``K`` weighted relations, ``interacts`` among them.
        forward: weight with which targets receive from sources, float64 ``[K]``.
        reverse: weight with which sources receive from targets, float64 ``[K]``.
        source: what an item brings into a user's vector (``S``), float32 ``[num_items, d]``.
        target: the items' vectors (``T``), float32 ``[num_items, d]``.
        users: what a known user's vector holds besides the history (own vector, own knowledge-graph edges), float32
            ``[num_users, d]``; None where that is nothing.
    """

    name: str
    x: NDArray[np.float32]
    layer_weights: NDArray[np.float64]
    edge_types: tuple[EdgeType, ...]
    forward: NDArray[np.float64]
    reverse: NDArray[np.float64]
    source: NDArray[np.float32]
    target: NDArray[np.float32]
    users: NDArray[np.float32] | None = None

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        *,
        name: str,
        x: NDArray[np.float32],
        layer_weights: NDArray[np.float64],
        edge_types: Sequence[EdgeType],
        forward: NDArray[np.float64],
        reverse: NDArray[np.float64],
    ) -> Propagation:
        """Runs the propagation over the whole training graph and keeps what serving needs (see the class)."""
        a = np.asarray(layer_weights, dtype=np.float64)
        kinds = tuple(edge_types)
        adjacency = build_adjacency(snapshot, kinds, forward, reverse)
        user_rows, item_rows = _rows(snapshot, snapshot.user_type), _rows(snapshot, snapshot.item_type)
        layers = [np.asarray(x, dtype=np.float64)]
        for _ in a[1:]:
            layers.append(adjacency @ layers[-1])
        interacts = kinds.index((snapshot.user_type, INTERACTS, snapshot.item_type))
        degree = np.bincount(snapshot.pairs("train")["item"].to_numpy(), minlength=snapshot.num_items)
        scale = float(reverse[interacts]) / np.sqrt(np.maximum(degree, 1))
        received = sum(
            (weight * layer[item_rows] for weight, layer in zip(a[1:], layers, strict=False)), start=np.zeros(())
        )
        source = scale[:, None] * received
        target, whole = (sum(w * layer[rows] for w, layer in zip(a, layers)) for rows in (item_rows, user_rows))
        users = None
        if x[user_rows].any() or any(
            snapshot.user_type in (kind[0], kind[2]) for i, kind in enumerate(kinds) if i != interacts
        ):
            users = (whole - normalise(snapshot.matrix("train")) @ source).astype(np.float32)
        return cls(
            name,
            np.ascontiguousarray(x, dtype=np.float32),
            a,
            kinds,
            np.asarray(forward, dtype=np.float64),
            np.asarray(reverse, dtype=np.float64),
            source.astype(np.float32),
            np.asarray(target).astype(np.float32),
            users,
        )

    def adjacency(self, snapshot: Snapshot) -> sp.csr_array:
        """``A``, float64 CSR of shape ``[N, N]``: row receives from column (:func:`build_adjacency`)."""
        return build_adjacency(snapshot, self.edge_types, self.forward, self.reverse)

    # --- files

    def save(self, folder: str | Path) -> None:
        """Writes ``propagation.safetensors`` and ``propagation.json`` into an existing folder."""
        tensors = {
            "x": self.x,
            "layer_weights": self.layer_weights,
            "forward": self.forward,
            "reverse": self.reverse,
            "source": self.source,
            "target": self.target,
        }
        if self.users is not None:
            tensors["users"] = self.users
        save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, Path(folder) / TENSORS)
        manifest = {"format": FORMAT, "name": self.name, "edge_types": [list(kind) for kind in self.edge_types]}
        (Path(folder) / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> Propagation:
        """Reads what :meth:`save` wrote.

        Raises:
            StaleError: the files are missing, damaged or of another format version.
        """
        folder = Path(folder)
        remedy = "train again with `kgrec train RECIPE`"
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            if manifest.get("format") != FORMAT:
                raise StaleError(
                    "the model is of another format version",
                    file=folder / MANIFEST,
                    value=manifest.get("format"),
                    expected=str(FORMAT),
                    remedy=remedy,
                )
            tensors = load_file(folder / TENSORS)
            kinds = tuple((str(s), str(r), str(t)) for s, r, t in manifest["edge_types"])
            return cls(name=manifest["name"], edge_types=kinds, users=tensors.pop("users", None), **tensors)
        except FileNotFoundError as error:
            raise StaleError("no trained model here", file=folder, remedy=remedy) from error
        except (ValueError, KeyError, TypeError, SafetensorError) as error:
            raise StaleError(f"the trained model is damaged: {error}", file=folder, remedy=remedy) from error


def normalise(histories: sp.csr_array) -> sp.csr_array:
    """Every row of a binary CSR divided by the root of its number of entries."""
    count = np.diff(histories.indptr)
    data = np.repeat(1.0 / np.sqrt(np.maximum(count, 1)), count).astype(np.float32)
    return sp.csr_array((data, histories.indices, histories.indptr), shape=histories.shape)


def build_adjacency(
    snapshot: Snapshot, edge_types: Sequence[EdgeType], forward: NDArray[np.float64], reverse: NDArray[np.float64]
) -> sp.csr_array:
    """The weighted adjacency over the training graph, float64 CSR of shape ``[N, N]``; parallel edges add up.

    Every edge (s, t) of type k adds ``forward_k / sqrt(deg_k(s) deg_k(t))`` at ``[t, s]`` and
    ``reverse_k / sqrt(…)`` at ``[s, t]``; ``deg_k`` counts the edges of type k at a node, as source for sources and as
    target for targets.

    Raises:
        StaleError: the snapshot lacks one of the edge types.
    """
    tables = {table.key: table for table in snapshot.graph_tables().edges}
    offsets, total = snapshot.offsets, sum(snapshot.num_nodes.values())
    rows, columns, values = [], [], []
    for kind, out, back in zip(edge_types, forward, reverse, strict=True):
        if kind not in tables:
            raise StaleError(
                "the model knows an edge type that the snapshot lacks",
                value=" ".join(kind),
                remedy="train again with `kgrec train RECIPE`",
            )
        source, target = tables[kind].index
        coefficient = 1.0 / np.sqrt(np.bincount(source)[source] * np.bincount(target)[target])
        source, target = source + offsets[kind[0]], target + offsets[kind[2]]
        rows += [target, source]
        columns += [source, target]
        values += [out * coefficient, back * coefficient]
    if not rows:
        return sp.csr_array((total, total), dtype=np.float64)
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    matrix = sp.csr_array(entries, shape=(total, total))
    matrix.sum_duplicates()
    return matrix


def _rows(snapshot: Snapshot, kind: str) -> slice:
    start = snapshot.offsets[kind]
    return slice(start, start + snapshot.num_nodes[kind])
