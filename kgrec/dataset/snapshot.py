"""The snapshot: the only thing that models, evaluation and explanation read.

A folder of Parquet files:

``nodes.parquet``         type, id (position among the sorted IRIs of its type), iri, key, label, text
``relations.parquet``     name, iri, label
``edges.parquet``         source_type, source, relation, target_type, target, origin (the source's name)
``interactions.parquet``  user, item, value, timestamp (seconds, null where unknown), split
``relation_labels.parquet``  name, language, label; only where the data label relations in several languages
``snapshot.json``         user_type, item_type, format

``key`` is the source table's id (null for nodes that no table names).  Held-out interactions are rows of
``interactions.parquet`` with split ``valid`` or ``test`` and nowhere else.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_builders import EdgeTable, GraphTables, NodeTable
from kgrec.config.iris import clean_key
from kgrec.errors import StaleError, UnknownIdError

FORMAT = 1
Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
INTERACTS = "interacts"
"""Relation name of user–item edges in every built graph."""

NODES_SCHEMA = {
    "type": pl.String,
    "id": pl.Int64,
    "iri": pl.String,
    "key": pl.String,
    "label": pl.String,
    "text": pl.String,
}
RELATIONS_SCHEMA = {"name": pl.String, "iri": pl.String, "label": pl.String}
EDGES_SCHEMA = {
    "source_type": pl.String,
    "source": pl.Int64,
    "relation": pl.String,
    "target_type": pl.String,
    "target": pl.Int64,
    "origin": pl.String,
}
INTERACTIONS_SCHEMA = {
    "user": pl.Int64,
    "item": pl.Int64,
    "value": pl.Float64,
    "timestamp": pl.Int64,
    "split": pl.String,
}
RELATION_LABELS_SCHEMA = {"name": pl.String, "language": pl.String, "label": pl.String}
SCHEMAS = {
    "nodes": NODES_SCHEMA,
    "relations": RELATIONS_SCHEMA,
    "edges": EDGES_SCHEMA,
    "interactions": INTERACTIONS_SCHEMA,
}
"""The frames that every snapshot has, and their columns."""
RELATION_LABELS = "relation_labels.parquet"


@dataclass(frozen=True)
class Snapshot:
    """Nodes, edges and interactions with integer ids.

    Attributes:
        user_type, item_type: node type names of users and items.
        nodes, relations, edges, interactions: frames of the schemas above; nodes sorted by (type, id), edges by all
            their columns, interactions by (user, item).
        relation_labels: what relations are called in each language that the data name one in; empty where that adds
            nothing to ``relations``.
    """

    user_type: str
    item_type: str
    nodes: pl.DataFrame
    relations: pl.DataFrame
    edges: pl.DataFrame
    interactions: pl.DataFrame
    relation_labels: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=RELATION_LABELS_SCHEMA))

    # --- files

    @classmethod
    def open(cls, folder: str | Path) -> Snapshot:
        """Reads a snapshot folder.

        Raises:
            StaleError: the folder is missing, damaged or of another format version.
        """
        folder = Path(folder)
        try:
            manifest = json.loads((folder / "snapshot.json").read_text())
        except FileNotFoundError as error:
            raise StaleError("no snapshot here", file=folder, remedy="run `kgrec build RECIPE`") from error
        except ValueError:
            manifest = {}
        if manifest.get("format") != FORMAT:
            raise StaleError(
                "the snapshot is of another format version",
                file=folder,
                value=manifest.get("format"),
                expected=str(FORMAT),
                remedy="rebuild it with `kgrec build RECIPE`",
            )
        try:
            frames = {name: pl.read_parquet(folder / f"{name}.parquet") for name in SCHEMAS}
            if (folder / RELATION_LABELS).is_file():
                frames["relation_labels"] = pl.read_parquet(folder / RELATION_LABELS)
        except (OSError, pl.exceptions.ComputeError) as error:
            raise StaleError(
                f"the snapshot cannot be read: {error}", file=folder, remedy="rebuild it with `kgrec build RECIPE`"
            ) from error
        return cls(manifest["user_type"], manifest["item_type"], **frames)

    def write(self, folder: str | Path) -> None:
        """Writes the folder (which must exist); the same content gives the same bytes.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        folder = Path(folder)
        for name in (*SCHEMAS, *(["relation_labels"] if self.relation_labels.height else [])):
            # By way of memory: the Parquet writer reports a full disk without its error number.
            memory = io.BytesIO()
            getattr(self, name).rechunk().write_parquet(memory, compression="zstd", statistics=False)
            (folder / f"{name}.parquet").write_bytes(memory.getbuffer())
        manifest = {"format": FORMAT, "user_type": self.user_type, "item_type": self.item_type}
        (folder / "snapshot.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")

    # --- sizes

    @cached_property
    def num_nodes(self) -> dict[str, int]:
        """Node type → number of nodes, types sorted; users and items are always there."""
        counts = dict(self.nodes.group_by("type").len().iter_rows())
        for kind in (self.user_type, self.item_type):
            counts.setdefault(kind, 0)
        return dict(sorted(counts.items()))

    @property
    def num_users(self) -> int:
        return self.num_nodes[self.user_type]

    @property
    def num_items(self) -> int:
        return self.num_nodes[self.item_type]

    @cached_property
    def offsets(self) -> dict[str, int]:
        """Node type → position of its first node when all types are stacked in sorted order."""
        offsets, total = {}, 0
        for kind, count in self.num_nodes.items():
            offsets[kind] = total
            total += count
        return offsets

    # --- interactions

    def pairs(self, *splits: Split) -> pl.DataFrame:
        """Interactions of these parts."""
        return self.interactions.filter(pl.col("split").is_in(splits))

    def matrix(self, *splits: Split) -> sp.csr_array:
        """Binary user × item matrix of these parts: float32 CSR, shape ``[num_users, num_items]``, sorted indices."""
        pairs = self.pairs(*splits)
        users, items = pairs["user"].to_numpy(), pairs["item"].to_numpy()
        matrix = sp.csr_array(
            (np.ones(len(pairs), dtype=np.float32), (users, items)), shape=(self.num_users, self.num_items)
        )
        matrix.sum_duplicates()
        matrix.data[:] = 1.0
        return matrix

    def refitted(self) -> Snapshot:
        """The same snapshot with its validation part moved into training: the last fit, once every choice is made."""
        split = pl.col("split").replace("valid", "train")
        return replace(self, interactions=self.interactions.with_columns(split=split))

    def without_knowledge(self) -> Snapshot:
        """The same snapshot without an edge of the knowledge graph."""
        return replace(self, edges=self.edges.clear())

    def interacted(self) -> NDArray[np.bool_]:
        """Items that occur in the interaction data, any part: bool, shape ``[num_items]``."""
        mask = np.zeros(self.num_items, dtype=bool)
        mask[self.interactions["item"].to_numpy()] = True
        return mask

    # --- ids

    def of_type(self, node_type: str) -> pl.DataFrame:
        """The nodes of one type in the order of their ids."""
        return self.nodes.filter(pl.col("type") == node_type)

    def find(self, node_type: str, wanted: str) -> int:
        """Id of a node of this type by its key or IRI.

        Raises:
            UnknownIdError: there is none; names the nearest ids and labels.
        """
        nodes = self.of_type(node_type)
        wanted = clean_key(wanted)
        hit = nodes.filter((pl.col("key") == wanted) | (pl.col("iri") == wanted))
        if hit.is_empty():
            kind = {self.user_type: "user", self.item_type: "item"}.get(node_type, node_type)
            raise self.unknown(kind, node_type, wanted)
        return int(hit["id"][0])

    def unknown(self, kind: str, node_type: str, wanted: str) -> UnknownIdError:
        """That no node of this type has this key or IRI, with the nearest ids and labels.

        Args:
            kind: what the node was to be, as people read it.
        """
        ids = self.of_type(node_type).select(pl.coalesce("key", "iri"), "label")
        labels = ids.drop_nulls("label").select("label", "key")
        return UnknownIdError(kind, wanted, ids["key"], dict(labels.reverse().iter_rows()))

    def user_id(self, wanted: str) -> int:
        """Id of a user by key or IRI."""
        return self.find(self.user_type, wanted)

    def item_id(self, wanted: str) -> int:
        """Id of an item by key or IRI."""
        return self.find(self.item_type, wanted)

    # --- graph

    def graph_tables(
        self,
        features: Mapping[str, Mapping[str, NDArray[np.float32]]] | None = None,
        masks: Mapping[str, Mapping[str, NDArray[np.bool_]]] | None = None,
        *,
        kg: bool = True,
        interactions: bool = True,
    ) -> GraphTables:
        """Tables for :mod:`graph_builders`: users, items, entities, KG edges and *training* interactions.

        Args:
            features: node type → feature name → float32 matrix of shape ``[num_nodes, dim]``.
            masks: node type → feature name → bool vector of shape ``[num_nodes]``: which rows have a value.
            kg: with the knowledge graph's edges.
            interactions: with ``(user_type, "interacts", item_type)``.
        """
        features, masks = features or {}, masks or {}
        nodes = tuple(
            NodeTable(kind, count, features.get(kind, {}), masks.get(kind, {}))
            for kind, count in self.num_nodes.items()
        )
        edges = []
        if kg:
            for (source_type, relation, target_type), part in self.edges.group_by(
                "source_type", "relation", "target_type"
            ):
                index = part.select("source", "target").sort("source", "target").to_numpy().T
                edges.append(EdgeTable(str(source_type), str(relation), str(target_type), np.ascontiguousarray(index)))
        if interactions:
            index = self.pairs("train").select("user", "item").sort("user", "item").to_numpy().T
            edges.append(EdgeTable(self.user_type, INTERACTS, self.item_type, np.ascontiguousarray(index)))
        return GraphTables(nodes, tuple(sorted(edges, key=lambda edge: edge.key)))
