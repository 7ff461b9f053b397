"""From the ids that people write to the snapshot's integers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kgrec.config.iris import clean_key
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import DataError, UserError, nearest
from kgrec.progress import SILENT, Progress


def ids_of(snapshot: Snapshot, node_type: str, wanted: Sequence[str]) -> NDArray[np.int64]:
    """Ids of nodes of one type by key or IRI, int64 ``[len(wanted)]``.

    Raises:
        UnknownIdError: the first one that does not exist; names the nearest ones.
    """
    if len(wanted) == 1:
        return np.array([snapshot.find(node_type, wanted[0])], dtype=np.int64)
    index = _index(snapshot, node_type)
    found = (index[name] if name in index else snapshot.find(node_type, name) for name in wanted)
    return np.fromiter(found, dtype=np.int64, count=len(wanted))


def known_ids(snapshot: Snapshot, node_type: str, wanted: Sequence[str]) -> tuple[NDArray[np.int64], list[str]]:
    """Ids of those that exist.

    Returns:
        int64 ``[len(wanted)]``, -1 where there is no such node; and the unknown ones, in the order given.

    Raises:
        UnknownIdError: none exists; names what is nearest to the first.
    """
    index = _index(snapshot, node_type)
    ids = np.array([index.get(clean_key(name), -1) for name in wanted], dtype=np.int64)
    unknown = [name for name, i in zip(wanted, ids) if i < 0]
    if unknown and len(unknown) == len(wanted):
        snapshot.find(node_type, unknown[0])
    return ids, unknown


def check_type(snapshot: Snapshot, node_type: str) -> None:
    """Refuses a node type that the snapshot lacks.

    Raises:
        UserError: names the nearest one.
    """
    if node_type not in snapshot.num_nodes:
        close = nearest(node_type, snapshot.num_nodes)
        raise UserError(
            "no nodes of this type",
            value=node_type,
            remedy=f"did you mean {close[0]!r}?" if close else f"known: {', '.join(snapshot.num_nodes)}",
        )


def candidate_mask(
    snapshot: Snapshot, ids: Iterable[str], node_type: str | None = None
) -> tuple[NDArray[np.bool_], list[str]]:
    """Which nodes of a type (items by default) may be recommended.

    Returns:
        bool ``[num_nodes]``, and the ids that no node has, in the order given.

    Raises:
        UserError: the snapshot has no such node type.
    """
    node_type = node_type or snapshot.item_type
    check_type(snapshot, node_type)
    index = _index(snapshot, node_type)
    mask = np.zeros(snapshot.num_nodes[node_type], dtype=bool)
    unknown = []
    for name in ids:
        if name in index:
            mask[index[name]] = True
        else:
            unknown.append(name)
    return mask, unknown


def read_candidates(
    path: str | Path, snapshot: Snapshot, node_type: str | None = None, progress: Progress = SILENT
) -> NDArray[np.bool_]:
    """Candidates from a UTF-8 file with one key or IRI a line; blank lines are skipped, unknown ids are said.

    Raises:
        DataError: the file cannot be read, or none of its ids exists.
        UserError: the snapshot has no such node type.
    """
    node_type = node_type or snapshot.item_type
    try:
        lines = Path(path).read_bytes().decode("utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"cannot read the candidates: {error.strerror}", file=path) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError("not UTF-8", file=path, line=line, value=error.object[error.start : error.end]) from error
    wanted = [key for line in lines if (key := clean_key(line))]
    mask, unknown = candidate_mask(snapshot, wanted, node_type)
    close = snapshot.unknown(node_type, node_type, unknown[0]).near if unknown else ()
    hint = f"nearest to the first: {', '.join(close)}" if close else None
    if not mask.any():
        raise DataError(
            f"none of the {len(wanted)} ids is a node of type {node_type!r}",
            file=path,
            value=unknown[0] if unknown else None,
            expected="one id or IRI a line",
            remedy=hint,
        )
    if unknown:
        shown = ", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else "")
        progress.say(
            f"{path}: {len(unknown)} of {len(wanted)} ids are unknown: {shown}" + (f" ({hint})" if hint else "")
        )
    return mask


def _index(snapshot: Snapshot, node_type: str) -> dict[str, int]:
    """Key and IRI → id; a key that is another node's IRI stands for the node with the key."""
    nodes = snapshot.of_type(node_type)
    index = dict(zip(nodes["iri"], nodes["id"]))
    index.update((key, i) for key, i in zip(nodes["key"], nodes["id"]) if key is not None)
    return index
