"""A cell of the table, and where it is kept."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Fit = Literal["choose", "train", "train+valid"]
"""``choose``: a baseline's settings are looked for on validation data.  ``train``: fitted on the training part.
``train+valid``: the same choices, fitted on both; it has test figures only."""

RECORD = "cell.json"


@dataclass(frozen=True, order=True)
class Cell:
    """One fit of one model on one data set."""

    dataset: str
    model: str
    fit: Fit
    seed: int

    def __str__(self) -> str:
        seed = "" if self.fit == "choose" else f", seed {self.seed}"
        return f"{self.dataset} {self.model}, {self.fit}{seed}"

    def folder(self, work: Path) -> Path:
        """Where its record, its lists and what a later cell needs of it are kept."""
        return work / "cells" / slug(self.dataset) / slug(self.model) / f"{slug(self.fit)}-{self.seed}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def slug(name: str) -> str:
    """A name as a file name."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-")


def read_record(folder: Path) -> dict[str, Any] | None:
    """What a finished cell wrote last; None where it is not finished."""
    try:
        content = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_atomic(path: Path, content: str | bytes) -> None:
    """The file is there whole or not at all, whenever the process is killed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    temporary.replace(path)


def write_json(path: Path, content: Any) -> None:
    """Atomically, readable, with keys in their order."""
    write_atomic(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
