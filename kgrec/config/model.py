"""The model and its training."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from kgrec.config.section import Section


class InputConfig(Section):
    """What a node's input vector is made of; each term can be switched off.

    Attributes:
        id: a learned vector for items.
        entity_id: entities carry a learned vector too.
        text: the projected text vector.
        neighbours: the projected KG vectors of the node's own KG neighbours, their ``sum`` or degree ``mean``.
        fusion: how the terms are joined.
        user_id: users carry a learned vector too (then a new user lacks it).
        dropout: share of the items' input set to zero in a training step (the rest grows to make up for it).
    """

    id: bool = True
    entity_id: bool = False
    text: bool = True
    neighbours: Literal["off", "sum", "mean"] = "mean"
    fusion: Literal["sum", "mean", "concat", "gate"] = "sum"
    user_id: bool = False
    dropout: float = Field(default=0.5, ge=0, le=0.95)


class ModelConfig(Section):
    """The model.

    Attributes:
        name: ``flow``: the linear flow over typed edges, with the settings of the table ``flow``; ``linear``: the
            graph neural network with linear propagation, with the settings below and those of the table ``training``;
            or a published model out of :mod:`kgrec.zoo`.
        settings: of a published model, for example ``{ dim = 64 }``.
        kg: without it the model sees no edge of the knowledge graph and none of its vectors (its own ablation).
        dim: ``linear`` only: embedding dimension.
        layers: ``linear`` only: propagation steps.
        input: ``linear`` only: what nodes start from.
    """

    name: str = "flow"
    settings: dict[str, Any] = Field(default_factory=dict)
    kg: bool = True
    dim: int = Field(default=64, ge=1)
    layers: int = Field(default=2, ge=1, le=6)
    input: InputConfig = InputConfig()


class TrainingConfig(Section):
    """How the model ``linear`` is trained; the device is every model's.

    Attributes:
        loss: ``sampled-softmax`` (``negatives`` a positive, all items where there are no more than that) or ``bpr``.
        negatives: sampled items a positive.
        batch_size: positives a step; a step's positives are out of the graph in that step.
        epochs: at most; patience: epochs without a better validation NDCG before it stops.
        learning_rate, weight_decay: of AdamW.
        temperature: of the softmax.
        user_balance: a positive of a user with n interactions weighs n to the power of minus this: 0 counts positives
            alike, 1 counts users alike.
        device: ``auto``, ``cpu``, ``cuda``, …; devices: how many (DDP).
        threads: CPU threads; 0 leaves PyTorch's default.
    """

    loss: Literal["sampled-softmax", "bpr"] = "sampled-softmax"
    negatives: int = Field(default=2048, ge=1)
    batch_size: int = Field(default=8192, ge=1)
    epochs: int = Field(default=60, ge=1)
    patience: int = Field(default=15, ge=1)
    learning_rate: float = Field(default=0.01, gt=0)
    weight_decay: float = Field(default=1.0, ge=0)
    temperature: float = Field(default=1.0, gt=0)
    user_balance: float = Field(default=1.0, ge=0, le=1)
    device: str = "auto"
    devices: int = Field(default=1, ge=1)
    threads: int = Field(default=0, ge=0)
