"""Statements, interactions and keys → the snapshot.

Ids are positions among the sorted IRIs of a type, names are told apart by sorting, and ties between literals are
broken by value: the same content gives the same snapshot in whatever order it comes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pyoxigraph import Quad

from kgrec.config import iris
from kgrec.config.recipe import Recipe
from kgrec.dataset.build_literals import labels, labels_by_language, labels_of_iris, texts
from kgrec.dataset.build_names import relation_names
from kgrec.dataset.build_statements import Statements, collect
from kgrec.dataset.build_types import Typing, type_nodes
from kgrec.dataset.snapshot import (
    EDGES_SCHEMA,
    INTERACTIONS_SCHEMA,
    NODES_SCHEMA,
    RELATION_LABELS_SCHEMA,
    RELATIONS_SCHEMA,
    Snapshot,
)
from kgrec.errors import DataError
from kgrec.progress import SILENT, Progress


def build_snapshot(
    quads: Iterable[Quad],
    interactions: pl.DataFrame,
    keys: pl.DataFrame,
    recipe: Recipe,
    progress: Progress = SILENT,
) -> Snapshot:
    """Builds the snapshot of a knowledge graph and its interactions.

    Args:
        quads: skolemised statements in source graphs, any order, read once; the same (s, p, o) from one source counts
            once.
        interactions: columns user_iri, item_iri, value, timestamp (seconds or null), split; other columns are ignored.
            Users and items of every part become nodes; held-out rows leave no other trace.
        keys: columns iri, key: the source tables' ids.
        recipe: its ``graph`` and ``interactions`` tables say how statements become nodes, labels and texts.
        progress: told the number of statements read.

    Raises:
        RecipeError: a predicate or class in the recipe is no IRI, or a relation name is taken.
        DataError: one IRI is a user and an item.
    """
    statements = collect(quads, recipe, progress)
    users, items = _interacting(statements, interactions)
    terms = pl.DataFrame(
        {"iri": list(statements.nodes), "code": np.arange(len(statements.nodes), dtype=np.int32)},
        schema={"iri": pl.String, "code": pl.Int32},
    )
    keys = keys.drop_nulls("key").group_by("iri").agg(pl.col("key").min())
    keyed = terms.join(keys, on="iri")["code"].to_numpy()
    used = np.flatnonzero(np.bincount(statements.edges[1]))
    names = relation_names([statements.predicates[code] for code in used], recipe)
    relation_of = [names.get(iri, "") for iri in statements.predicates]
    typing = type_nodes(statements, relation_of, users, items, keyed, recipe)
    # The strings are in the frame now; millions of them twice are what memory would be short of.
    statements.nodes.clear()
    label = labels(statements, recipe)

    nodes = _nodes(terms, typing, keys, label, texts(statements, recipe))
    relations = _relations(names, label.join(terms, left_on="node", right_on="code"))
    edges = _edges(statements, relation_of, nodes, terms.height)
    pairs = _interactions(interactions, nodes, recipe)
    return Snapshot(
        recipe.interactions.user_type,
        recipe.interactions.item_type,
        nodes.select(pl.col(name).cast(kind) for name, kind in NODES_SCHEMA.items()).rechunk(),
        relations,
        edges,
        pairs,
        _relation_labels(names, labels_by_language(statements, recipe).join(terms, left_on="node", right_on="code")),
    )


def _interacting(statements: Statements, interactions: pl.DataFrame) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Codes of the interactions' users and items; those that no statement speaks of are added to the nodes."""
    users = interactions["user_iri"].unique()
    items = interactions["item_iri"].unique()
    both = users.filter(users.is_in(items.implode())).sort()
    if len(both):
        raise DataError(
            "this IRI is a user and an item",
            value=both[0],
            remedy="give users and items different IRIs: interactions.user_iri, interactions.item_iri",
        )
    nodes = statements.nodes
    return (
        np.array([nodes.setdefault(iri, len(nodes)) for iri in users], dtype=np.int32),
        np.array([nodes.setdefault(iri, len(nodes)) for iri in items], dtype=np.int32),
    )


def _nodes(
    terms: pl.DataFrame, typing: Typing, keys: pl.DataFrame, label: pl.DataFrame, text: pl.DataFrame
) -> pl.DataFrame:
    """The nodes, sorted by type and IRI, still with their ``code``."""
    nodes = (
        terms.with_columns(pl.Series("type_code", typing.types))
        .filter(pl.col("type_code") >= 0)
        .sort("type_code", "iri")
        .with_columns(id=pl.int_range(pl.len(), dtype=pl.Int64).over("type_code"))
        .join(keys, on="iri", how="left", maintain_order="left")
        .join(label, left_on="code", right_on="node", how="left", maintain_order="left")
        .join(text, left_on="code", right_on="node", how="left", maintain_order="left")
    )
    nodes = nodes.with_columns(_names(typing.names, nodes["type_code"].to_numpy()).alias("type"))
    bare = nodes["label"].is_null()
    made = labels_of_iris(*(nodes[column].filter(bare) for column in ("iri", "type", "key")))
    return nodes.with_columns(nodes["label"].scatter(bare.arg_true(), made))


def _relations(names: dict[str, str], labels: pl.DataFrame) -> pl.DataFrame:
    """One row a relation name, sorted; its IRI is the first of its predicates, its label theirs or the local name."""
    label_of = dict(labels.select("iri", "label").filter(pl.col("iri").is_in(list(names))).iter_rows())
    rows: dict[str, tuple[str, str, str]] = {}
    for iri, name in sorted(names.items()):
        rows.setdefault(name, (name, iri, label_of.get(iri) or iris.local_name(iri) or name))
    return pl.DataFrame([rows[name] for name in sorted(rows)], schema=RELATIONS_SCHEMA, orient="row")


def _relation_labels(names: dict[str, str], labels: pl.DataFrame) -> pl.DataFrame:
    """Labels of relations by language, sorted by name and language; that of the first of a relation's predicates.

    Empty where every relation is labelled in one language at most, and all in the same: the relation's own label is it.
    """
    label_of = {
        (iri, tag): label for iri, tag, label in labels.select("iri", "language", "label").iter_rows() if iri in names
    }
    rows: dict[tuple[str, str], str] = {}
    for (iri, tag), label in sorted(label_of.items()):
        rows.setdefault((names[iri], tag), label)
    wanted = [(name, tag, rows[name, tag]) for name, tag in sorted(rows)] if len({tag for _, tag in rows}) > 1 else []
    return pl.DataFrame(wanted, schema=RELATION_LABELS_SCHEMA, orient="row")


def _edges(statements: Statements, relation_of: list[str], nodes: pl.DataFrame, num_terms: int) -> pl.DataFrame:
    """The edges without repeats, sorted by all their columns.

    What is sorted are numbers, (source, relation) and (target, origin): nodes stand in the order of (type, id),
    relations and origins in that of their names, so this is the order of the columns, without comparing a string.
    """
    source, predicate, target, origin = statements.edges
    place = np.zeros(num_terms, dtype=np.int64)
    place[nodes["code"].to_numpy()] = np.arange(len(nodes))
    relations, relation_rank = _ranks(relation_of)
    origins, origin_rank = _ranks(statements.sources)
    # at least 1: without an edge there is neither a relation nor an origin
    num_relations, num_origins = max(len(relations), 1), max(len(origins), 1)
    near, far = sorted_pairs(
        place[source] * num_relations + relation_rank[predicate],
        place[target] * num_origins + origin_rank[origin],
        limits=(len(nodes) * num_relations, len(nodes) * num_origins),
    )
    source_place, relation_code = np.divmod(near, num_relations)
    target_place, origin_code = np.divmod(far, num_origins)
    types, ids = nodes["type"], nodes["id"]
    return pl.DataFrame(
        {
            "source_type": types.gather(source_place),
            "source": ids.gather(source_place),
            "relation": _names(relations, relation_code),
            "target_type": types.gather(target_place),
            "target": ids.gather(target_place),
            "origin": _names(origins, origin_code),
        },
        schema=EDGES_SCHEMA,
    )


def sorted_pairs(
    first: NDArray[np.int64], second: NDArray[np.int64], limits: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs sorted, each once.

    Args:
        first, second: whole numbers from 0, each of shape ``[n]``.
        limits: what the numbers are below.

    Returns:
        The same two columns, each of shape ``[distinct pairs]``.
    """
    if limits[0] * limits[1] < 2**63:
        # Both fit into one number: sorting that is several times faster than sorting by two keys.
        pair = np.sort(first * limits[1] + second)
        first, second = np.divmod(pair[np.append(True, pair[1:] != pair[:-1])[: len(pair)]], max(limits[1], 1))
        return first, second
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    new = np.append(True, (first[1:] != first[:-1]) | (second[1:] != second[:-1]))[: len(first)]
    return first[new], second[new]


def _interactions(interactions: pl.DataFrame, nodes: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """The interactions with ids, sorted by user, item and all else."""
    users = nodes.filter(pl.col("type") == recipe.interactions.user_type).select(user_iri="iri", user="id")
    items = nodes.filter(pl.col("type") == recipe.interactions.item_type).select(item_iri="iri", item="id")
    return (
        interactions.select("user_iri", "item_iri", "value", "timestamp", "split")
        .join(users, on="user_iri")
        .join(items, on="item_iri")
        .select(pl.col(name).cast(kind) for name, kind in INTERACTIONS_SCHEMA.items())
        .sort(list(INTERACTIONS_SCHEMA))
        .rechunk()
    )


def _ranks(names: list[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The names sorted, without repeats, and the position of each given name among them."""
    ordered = sorted(set(names))
    place = {name: position for position, name in enumerate(ordered)}
    return ordered, np.array([place[name] for name in names], dtype=np.int64)


def _names(names: list[str], codes: NDArray[np.integer]) -> pl.Series:
    """The name of each code."""
    return pl.Series(names, dtype=pl.String).gather(codes)
