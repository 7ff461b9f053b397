"""Interactions and their parts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from kgrec.config.section import Name, Section
from kgrec.config.sources import TableFile


class KCore(Section):
    """Keeps users and items with at least this many interactions, repeated until nothing changes."""

    user: int = Field(default=0, ge=0)
    item: int = Field(default=0, ge=0)


class InteractionsConfig(TableFile):
    """Who interacted with what.

    Attributes:
        user, item: id columns.
        value: column with a rating or weight; 1 where not given.
        value_range: lowest and highest value allowed.
        timestamp: column with the time.
        timestamp_format: ``auto``, ``s``, ``ms``, or a strptime format.
        threshold: interactions with a lower value are dropped from the implicit data.
        duplicates: which of several rows of one pair stays; ``sum`` adds the values (time: the last).
        k_core: minimum degrees.
        user_type, item_type: node type names.
        item_iri, user_iri: IRI templates with ``{id}``; ``"{id}"`` means that the id is an IRI already.
    """

    file: str = ""
    user: str = "user_id"
    item: str = "item_id"
    value: str | None = None
    value_range: tuple[float, float] | None = None
    timestamp: str | None = None
    timestamp_format: str = "auto"
    threshold: float | None = None
    duplicates: Literal["error", "first", "last", "max", "sum"] = "last"
    k_core: KCore = KCore()
    user_type: Name = "User"
    item_type: Name = "Item"
    item_iri: str | None = None
    user_iri: str | None = None


class SplitConfig(Section):
    """How interactions are parted into train, valid and test.

    Attributes:
        kind: ``files``: given parts.  ``random``: per user at random.  ``last``: per user the last ones by time (ties
            by row order), a share or ``n``.  ``time``: everything after two global cuts.  ``cold``: whole items.
        valid, test: share held out; for ``last`` at least 1 each.
        n: ``last`` only: this many interactions for each part instead of a share.
        min_history: users with fewer interactions stay in train.
        files: part → file with the interactions' user and item columns (and, where the interactions have no file of
            their own, all its other columns).
        item_files: ``cold`` only, part → file with one item id a line, instead of a random share.
    """

    kind: Literal["files", "random", "last", "time", "cold"] = "random"
    valid: float = Field(default=0.1, ge=0, lt=1)
    test: float = Field(default=0.1, ge=0, lt=1)
    n: int | None = Field(default=None, ge=1)
    min_history: int = Field(default=3, ge=1)
    files: dict[Literal["train", "valid", "test"], str] = Field(default_factory=dict)
    item_files: dict[Literal["valid", "test"], str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _parts(self) -> SplitConfig:
        if (self.kind == "files") != bool(self.files):
            raise ValueError("kind = 'files' and the table split.files go together")
        if self.kind == "files" and set(self.files) != {"train", "valid", "test"}:
            raise ValueError("split.files names train, valid and test")
        if self.item_files and self.kind != "cold":
            raise ValueError("item_files belong to kind = 'cold'")
        if self.n is not None and self.kind != "last":
            raise ValueError("n belongs to kind = 'last'")
        if self.valid + self.test >= 1:
            raise ValueError("valid + test must leave something to train on")
        return self
