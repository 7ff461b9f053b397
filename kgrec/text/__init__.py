"""Text vectors of nodes by a pretrained language model."""

from __future__ import annotations

from kgrec.text.vectors import encode_nodes, encode_texts, node_texts

__all__ = ["encode_nodes", "encode_texts", "node_texts"]
