"""Pure functions from tables to framework graphs: no I/O, no splitting, no encoding, no training."""

from graph_builders.tables import EdgeTable, GraphTables, NodeTable, Vocabulary

__all__ = ["EdgeTable", "GraphTables", "NodeTable", "Vocabulary"]
