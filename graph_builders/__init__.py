"""Pure functions from tables to framework graphs: no I/O, no splitting, no encoding, no training.

Importing this package imports numpy only; a builder imports its framework when it is called.
"""

from graph_builders.dgl_graph import to_dgl
from graph_builders.hetero import to_hetero_data, validate
from graph_builders.tables import EdgeTable, GraphTables, NodeTable, Vocabulary
from graph_builders.triples import (
    from_mapped_triples,
    relation_names,
    split_by_type,
    to_mapped_triples,
    to_triples_factory,
)

__all__ = [
    "EdgeTable",
    "GraphTables",
    "NodeTable",
    "Vocabulary",
    "from_mapped_triples",
    "relation_names",
    "split_by_type",
    "to_dgl",
    "to_hetero_data",
    "to_mapped_triples",
    "to_triples_factory",
    "validate",
]
