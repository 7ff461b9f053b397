"""Items that arrived after training, as people write them down, in a snapshot's terms."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import DataError, nearest
from kgrec.flow.links import Links
from kgrec.progress import SILENT, Progress

INWARD = "^"
"""Before a relation: the edge runs from the entity to the item (as in SPARQL's property paths)."""


class NewItem(BaseModel):
    """An item that no snapshot has.

    Attributes:
        id: what it is called in answers; no item of the snapshot has it.
        label: what people call it.
        text: describes it, as the text of the snapshot's items does.
        links: pairs of relation and entity.  The relation by its name or IRI, ``^relation`` where the edge runs from
            the entity to the item; the entity by IRI, by the source table's id, or by its label.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    label: str | None = None
    text: str | None = None
    links: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Label, or id where it has none."""
        return self.label or self.id


def read_new_items(path: str | Path) -> tuple[NewItem, ...]:
    """From a file: JSON (an item, a list of items, or ``{"items": […]}``) or TOML (an item, or ``[[items]]``).

    Raises:
        DataError: the file cannot be read, is malformed, has no item or one id twice.
    """
    path = Path(path)
    toml = path.suffix.lower() == ".toml"
    try:
        text = path.read_bytes().decode("utf-8-sig")
        content: Any = tomllib.loads(text) if toml else json.loads(text)
    except OSError as error:
        raise DataError(f"cannot read the new items: {error.strerror}", file=path) from error
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8", file=path) from error
    except ValueError as error:
        raise DataError(f"not {'TOML' if toml else 'JSON'}: {error}", file=path) from error
    rows = content.get("items", [content]) if isinstance(content, dict) else content
    if not isinstance(rows, list) or not rows:
        raise DataError("no item here", file=path, expected="an item, or a list of items")
    items = []
    for number, row in enumerate(rows, 1):
        try:
            items.append(NewItem.model_validate(row))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(str(step) for step in first["loc"])
            value = first["input"] if isinstance(first["input"], str | int | float) else None
            raise DataError(
                f"item {number}: {first['msg']}",
                file=path,
                column=key or None,
                value=value,
                expected="id, label, text, links = [[relation, entity], …]",
            ) from error
    ids = [item.id for item in items]
    twice = next((one for n, one in enumerate(ids) if one in ids[:n]), None)
    if twice is not None:
        raise DataError("two items have one id", file=path, value=twice)
    return tuple(items)


def link_matrix(
    snapshot: Snapshot, links: Links | None, items: Sequence[NewItem], progress: Progress = SILENT
) -> sp.csr_array | None:
    """The items' links among those of the snapshot's items: binary float32 CSR ``[n, links]``; None where it has none.

    Args:
        snapshot: names nodes and relations.
        links: of the snapshot's items.
        items: n of them.
        progress: is told which relations and entities no item of the snapshot is linked by; the rest is used.
    """
    if links is None:
        if any(item.links for item in items):
            progress.say("the model knows no links that items share: the new items' links are not used")
        return None
    index = _Index(snapshot, links)
    rows, columns = [], []
    for n, item in enumerate(items):
        for relation, entity in item.links:
            found = index.column(relation, entity)
            if isinstance(found, str):
                progress.say(f"{item.id}: {found}; left out")
            else:
                rows.append(n)
                columns.append(found)
    pairs = np.unique(np.array([rows, columns], dtype=np.int64).T.reshape(-1, 2), axis=0)
    return sp.csr_array(
        (np.ones(len(pairs), dtype=np.float32), (pairs[:, 0], pairs[:, 1])), shape=(len(items), links.matrix.shape[1])
    )


class _Index:
    """Columns of the link matrix by what people call relations and entities."""

    def __init__(self, snapshot: Snapshot, links: Links) -> None:
        self.names = {name: name for name in snapshot.relations["name"]}
        self.names |= dict(snapshot.relations.select("iri", "name").iter_rows())
        self.rows = (
            links.links.with_row_index("column")
            .with_columns(pl.col("column").cast(pl.Int64))
            .join(snapshot.nodes, left_on=["node_type", "node"], right_on=["type", "id"], how="left")
        )
        self._known: dict[tuple[str, bool], tuple[dict[str, int], dict[str, int]]] = {}
        self.used = {(relation, outward) for relation, outward in links.links.select("relation", "outward").iter_rows()}

    def column(self, relation: str, entity: str) -> int | str:
        """The column, or what is wrong."""
        inward, plain = relation.startswith(INWARD), relation.removeprefix(INWARD)
        name = self.names.get(plain)
        directions = [False] if inward else [True, False]
        used = next(((name, out) for out in directions if name is not None and (name, out) in self.used), None)
        if used is None:
            known = sorted({one if out else INWARD + one for one, out in self.used})
            close = nearest(plain, known) or known[:3]
            return f"no item is linked by the relation {relation!r} (nearest: {', '.join(close)})"
        exact, folded = self._of(str(used[0]), used[1])
        found = exact.get(entity, folded.get(entity.strip().casefold()))
        if found is None:
            close = nearest(entity, [*exact, *folded])
            return f"no item is linked by {relation!r} to {entity!r}" + (
                f" (nearest: {', '.join(close)})" if close else ""
            )
        return found

    def _of(self, relation: str, outward: bool) -> tuple[dict[str, int], dict[str, int]]:
        """IRI and key → column; folded label → column, of the first node where several bear it.  Key and label also
        after their type, as ``kgrec what-if`` writes them."""
        if (relation, outward) not in self._known:
            rows = self.rows.filter((pl.col("relation") == relation) & (pl.col("outward") == outward))
            told = rows.select("column", "node_type", "iri", "key", "label").rows()
            exact: dict[str, int] = {iri: column for column, _, iri, _, _ in told}
            folded: dict[str, int] = {}
            # a name alone comes before a type and a name, whichever node is the first
            for typed in (False, True):
                for column, node_type, _, key, label in told:
                    kind = f"{node_type}/" if typed else ""
                    if key is not None:
                        exact.setdefault(kind + key, column)
                    if label is not None:
                        folded.setdefault((kind + label.strip()).casefold(), column)
            self._known[relation, outward] = exact, folded
        return self._known[relation, outward]


def text_matrix(
    items: Sequence[NewItem],
    dim: int,
    text_of: Callable[[NewItem], str | None],
    encode: Callable[[Sequence[str]], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Text vectors of the items, zero rows where an item has no text: float32 ``[n, dim]``.

    Args:
        items: n of them.
        dim: length of a vector.
        text_of: what is encoded of an item; None for nothing.
        encode: texts → ``[texts, dim]``; not called without a text.
    """
    texts: Mapping[int, str] = {n: text for n, item in enumerate(items) if (text := text_of(item)) is not None}
    vectors = np.zeros((len(items), dim), dtype=np.float32)
    if texts:
        vectors[list(texts)] = encode(list(texts.values()))
    return vectors
