"""Settings of the flow model; part of the recipe."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FlowConfig(BaseModel):
    """The linear flow over typed edges.  The defaults are meant for every data set: sizes and density decide the rest.

    Attributes:
        channels: builders by name; empty: all that the snapshot has something for.
        without: builders or channels that are left out.
        folds: inner folds on which gates are fitted; each holds out ``held_out`` of every user's training items.  The
            validation part is one more; where there is none, there is one more inner fold.
        held_out: share of a user's training items in a fold.
        dim: of low-rank channels.
        epochs: at most, of the learned low-rank channel.
        neighbours: of an item in similarity channels.
        gate_users: at most so many users fit the gates.
        gate_items: with more items than this, so many stand in the rankings on which gates are fitted: those that
            channels name most, and a sample of the others.
        max_dense: the largest item-item matrix kept dense; with more items channels keep the largest weights of an
            item, its neighbours are searched for, and the learned factors are trained on sampled items.
        dial: also fit other settings of the gates, with more literal knowledge, for ``knowledge``.
        knowledge: where the dial stands, from 0, as trained, to 1, literal knowledge and text alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    folds: int = Field(default=1, ge=1, le=8)
    held_out: float = Field(default=0.15, gt=0, lt=0.5)
    dim: int = Field(default=64, ge=1)
    epochs: int = Field(default=24, ge=1)
    neighbours: int = Field(default=100, ge=1)
    gate_users: int = Field(default=3000, ge=1)
    gate_items: int = Field(default=50_000, ge=100)
    max_dense: int = Field(default=20_000, ge=0)
    dial: bool = True
    knowledge: float = Field(default=0.0, ge=0, le=1)
