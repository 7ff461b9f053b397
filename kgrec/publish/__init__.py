"""Explanations where people read them: records of a run, written into Neo4j or into an RDF graph."""

from kgrec.publish.records import Reason, Record, Recorder

__all__ = ["Reason", "Record", "Recorder"]
