"""RecBole's knowledge graph, as it is: ``.kg`` (head, relation, tail) and ``.link`` (item, entity)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import polars as pl
from pyoxigraph import NamedNode, Quad

from kgrec.config import Recipe, iris
from kgrec.config.recipe import RecboleSource, TableFile, source_name
from kgrec.dataset.frames import LINE, RejectSink, read_batches, read_frame
from kgrec.dataset.interactions import reject_faults
from kgrec.dataset.keys import clean_keys, iris_of, type_template
from kgrec.ingest.keys import KeyIndex
from kgrec.ingest.mapping import TYPE
from kgrec.progress import SILENT, Progress

_KG = ["head_id", "relation_id", "tail_id"]
_LINK = ["item_id", "entity_id"]


def read_recbole(
    source: RecboleSource,
    recipe: Recipe,
    data: Path,
    *,
    rejects: RejectSink,
    keys: KeyIndex,
    counts: Counter[str] | None = None,
    progress: Progress = SILENT,
) -> Iterator[Quad]:
    """Each triple, and each node's ``rdf:type`` where it is first met.

    A linked entity is its item's own node; where several items link to one entity, it is the item with the smallest
    id's.  Linked items without a triple are nodes too.

    Args:
        source: the files.
        recipe: base IRI, and how the interactions' items become IRIs.
        data: data directory.
        rejects: takes rows with an empty or impossible id.
        keys: is told the id of every node.
        counts: is told triples, linked items, entities that several items link to.
        progress: shows the triples read.
    """
    counts = Counter() if counts is None else counts
    graph = NamedNode(iris.source_graph(recipe.base, source_name(source)))
    item_type = NamedNode(iris.type_iri(recipe.base, recipe.interactions.item_type))
    other_type = NamedNode(iris.type_iri(recipe.base, source.type))
    nodes: dict[str, NamedNode] = {}
    if source.link is not None:
        for item, iri, entity in _links(recipe, data / source.link, rejects):
            if entity in nodes:
                counts["entities of several items"] += 1
                continue
            nodes[entity] = NamedNode(iri)
            counts["linked items"] += 1
            keys.add(iri, item)
            yield Quad(nodes[entity], TYPE, item_type, graph)
    template = type_template(recipe, source.type)
    relations: dict[str, NamedNode] = {}
    path = data / source.kg
    with progress.task(f"triples of {source_name(source)}", unit="triples") as task:
        for batch in read_batches(path, TableFile(file=source.kg, format="recbole"), _KG, rejects=rejects):
            counts["triples"] += batch.height
            for ends in _sound(batch, _KG, path, rejects).select(_KG).iter_rows():
                for entity in (ends[0], ends[2]):
                    if entity not in nodes:
                        nodes[entity] = NamedNode(iris.fill(template, id=entity))
                        keys.add(nodes[entity].value, entity)
                        yield Quad(nodes[entity], TYPE, other_type, graph)
                relation = relations.get(ends[1])
                if relation is None:
                    relation = NamedNode(iris.relation_iri(recipe.base, quote(ends[1], safe="")))
                    relations[ends[1]] = relation
                yield Quad(nodes[ends[0]], relation, nodes[ends[2]], graph)
            task.advance(batch.height)


def _links(recipe: Recipe, path: Path, rejects: RejectSink) -> Iterator[tuple[str, str, str]]:
    """(item key, item IRI, entity id), sorted."""
    frame = read_frame(path, TableFile(file=path.name, format="recbole"), _LINK, rejects=rejects)
    frame = _sound(frame, _LINK, path, rejects)
    template = type_template(recipe, recipe.interactions.item_type)
    frame = frame.with_columns(iri=iris_of(frame["item_id"], template))
    invalid = (frame["iri"].is_null(), f"the id makes no IRI with {template!r}", "item_id", "an absolute IRI")
    frame = frame.filter(~reject_faults(frame, [invalid], path, rejects))
    yield from frame.select("item_id", "iri", "entity_id").unique().sort("item_id", "entity_id").iter_rows()


def _sound(frame: pl.DataFrame, columns: list[str], path: Path, rejects: RejectSink) -> pl.DataFrame:
    """The rows whose ids are not empty, with clean ids."""
    clean = frame.with_columns(clean_keys(frame[column]) for column in columns)
    faults = [(clean[column].is_null(), "the id is empty", column, "an id") for column in columns]
    return clean.filter(~reject_faults(frame.select(*columns, LINE), faults, path, rejects))
