"""GraphTables → PyKEEN's TriplesFactory, with ids mapped already.

PyKEEN's own reading of labelled triples drops relations that end in ``_inverse`` and unknown entities with only a
warning; mapped ids leave it nothing to guess.  An entity's id is its position when the node types are stacked in
order, a relation's id its position among the sorted relation names.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graph_builders.tables import EdgeTable, GraphTables

if TYPE_CHECKING:
    from pykeen.triples import TriplesFactory

INTERACTS = "interacts"


def relation_names(tables: GraphTables, exclude: Collection[str] = (INTERACTS,)) -> tuple[str, ...]:
    """The relations' names by id: sorted; edge types of different node types share a relation's name."""
    return tuple(sorted({edge.relation for edge in tables.edges} - set(exclude)))


def to_mapped_triples(tables: GraphTables, exclude: Collection[str] = (INTERACTS,)) -> NDArray[np.int64]:
    """All edges as (head, relation, tail).

    Args:
        tables: the graph.
        exclude: relation names left out; by default the interactions.

    Returns:
        int64, shape ``[num_triples, 3]``, sorted, each triple once: edges that differ in their source alone are one
        triple, else a copy of a training triple could be held out to test on.
    """
    relation_id = {name: i for i, name in enumerate(relation_names(tables, exclude))}
    offsets = tables.offsets()
    parts = [np.empty((0, 3), dtype=np.int64)]
    for edge in tables.edges:
        if edge.relation in relation_id:
            head = edge.index[0] + offsets[edge.source_type]
            tail = edge.index[1] + offsets[edge.target_type]
            parts.append(np.stack([head, np.full_like(head, relation_id[edge.relation]), tail], axis=1))
    return np.unique(np.concatenate(parts), axis=0)


def to_triples_factory(tables: GraphTables, exclude: Collection[str] = (INTERACTS,)) -> TriplesFactory:
    """The graph's triples for PyKEEN.

    Args:
        tables: the graph.
        exclude: relation names left out; by default the interactions.  Pass ``()`` to train on them too.

    Returns:
        A factory over all nodes, with edges or without: ``num_entities`` is the number of nodes,
        ``mapped_triples`` int64 of shape ``[num_triples, 3]`` as :func:`to_mapped_triples` gives them.  Entity labels
        are ``<type>/<id>``.

    Raises:
        ValueError: there is no triple.
    """
    import torch
    from pykeen.triples import TriplesFactory

    triples = to_mapped_triples(tables, exclude)
    if not len(triples):
        raise ValueError("expected at least one edge that is no interaction (got none)")
    entities = [f"{table.type}/{i}" for table in tables.nodes for i in range(table.num_nodes)]
    return TriplesFactory(
        mapped_triples=torch.from_numpy(triples),
        entity_to_id={name: i for i, name in enumerate(entities)},
        relation_to_id={name: i for i, name in enumerate(relation_names(tables, exclude))},
    )


def from_mapped_triples(
    triples: NDArray[np.int64], tables: GraphTables, exclude: Collection[str] = (INTERACTS,)
) -> tuple[EdgeTable, ...]:
    """Triples back to edge tables: the inverse of :func:`to_mapped_triples` but for repeated edges.

    Args:
        triples: int64, shape ``[num_triples, 3]``, ids as :func:`to_mapped_triples` gives them for these tables.
        tables: the graph that the ids are of.
        exclude: as it was given there.

    Raises:
        ValueError: an id is out of range.
    """
    names = relation_names(tables, exclude)
    types = [table.type for table in tables.nodes]
    starts = np.array([*tables.offsets().values()], dtype=np.int64)
    total = sum(table.num_nodes for table in tables.nodes)
    for column, limit in ((0, total), (1, len(names)), (2, total)):
        ids = triples[:, column]
        if ids.size and (ids.min() < 0 or ids.max() >= limit):
            raise ValueError(f"column {column}: expected ids in [0, {limit}) (got {ids.min()}..{ids.max()})")
    # The last type that starts at or before the id: empty types start where the next one does.
    head_type = np.searchsorted(starts, triples[:, 0], side="right") - 1
    tail_type = np.searchsorted(starts, triples[:, 2], side="right") - 1
    kinds, which = np.unique(np.stack([head_type, triples[:, 1], tail_type], axis=1), axis=0, return_inverse=True)
    edges = []
    for position, (source, relation, target) in enumerate(kinds):
        part = triples[which.reshape(-1) == position]
        index = np.stack([part[:, 0] - starts[source], part[:, 2] - starts[target]])
        edges.append(EdgeTable(types[source], names[relation], types[target], index))
    return tuple(sorted(edges, key=lambda edge: edge.key))


def split_by_type(stacked: NDArray[np.float32], tables: GraphTables) -> dict[str, NDArray[np.float32]]:
    """Rows of all stacked nodes → one matrix a node type.

    Args:
        stacked: shape ``[num_nodes, dim]``: for example an embedding's entity vectors.
        tables: the graph that the rows are of.

    Returns:
        Node type → matrix of shape ``[num_nodes of the type, dim]``.

    Raises:
        ValueError: the number of rows is not the number of nodes.
    """
    total = sum(table.num_nodes for table in tables.nodes)
    if len(stacked) != total:
        raise ValueError(f"expected {total} rows (got {len(stacked)})")
    offsets = tables.offsets()
    return {table.type: stacked[offsets[table.type] : offsets[table.type] + table.num_nodes] for table in tables.nodes}
