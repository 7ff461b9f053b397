"""Knowledge-graph embeddings by PyKEEN."""

from __future__ import annotations

from kgrec.embeddings.result import EmbeddingResult
from kgrec.embeddings.train import train_embedding

__all__ = ["EmbeddingResult", "train_embedding"]
