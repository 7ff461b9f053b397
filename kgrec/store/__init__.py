"""The knowledge-graph store: a small protocol, the embedded Oxigraph store, and export."""

from kgrec.store.export import export_quads
from kgrec.store.literals import canonical
from kgrec.store.oxigraph import OxigraphStore
from kgrec.store.protocol import GraphStore, SparqlStore
from kgrec.store.result import QueryResult

__all__ = ["GraphStore", "OxigraphStore", "QueryResult", "SparqlStore", "canonical", "export_quads"]
