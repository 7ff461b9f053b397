"""Tables → statements: each row describes a node, some columns become entities and relations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from pyoxigraph import NamedNode, Quad

from kgrec.config import Recipe, iris
from kgrec.config.recipe import TableSource, source_name
from kgrec.dataset.frames import LINE, RejectSink, read_batches, read_frame
from kgrec.dataset.held_out import HeldOut
from kgrec.dataset.interactions import reject_faults
from kgrec.dataset.keys import clean_keys, expand_template, iris_of, type_template
from kgrec.dataset.times import to_seconds
from kgrec.ingest.keys import KeyIndex
from kgrec.ingest.mapping import LABEL, TEXT, TYPE, AttributeMapper, Entity, literal
from kgrec.ingest.matching import LiteralMatcher
from kgrec.ingest.values import ValueFault
from kgrec.progress import SILENT, Progress

_ID, _KEY, _IRI, _USER, _TIME = "\x00id", "\x00key", "\x00iri", "\x00user", "\x00time"


def read_table(
    source: TableSource,
    recipe: Recipe,
    data: Path,
    *,
    rejects: RejectSink,
    keys: KeyIndex,
    held_out: HeldOut | None = None,
    matcher: LiteralMatcher | None = None,
    counts: Counter[str] | None = None,
    progress: Progress = SILENT,
) -> Iterator[Quad]:
    """The statements of one table, in the order of its rows, in the source's named graph.

    A row gives its node an ``rdf:type``, ``rdfs:label``, :data:`kgrec.config.iris.TEXT` and one relation an attribute
    value; an entity that an attribute makes gets type and label where it is first met.  A row with any fault gives
    nothing at all.

    Args:
        source: the table.
        recipe: base IRI, types, prefixes and literal cap.
        data: data directory.
        rejects: takes bad rows.
        keys: is told the key of every node.
        held_out: what the split hides; rows with a user or a time are held against it.
        matcher: finds RDF nodes by literal, for attributes with ``match``.
        counts: is told rows, rows held out, rows unlinked (the join found no key), values matched and unmatched.
        progress: shows the rows read.

    Raises:
        DataError: a file, column or row is at fault and ``rejects`` takes no more.
        RecipeError: a template, pattern or match rule cannot be.
    """
    counts = Counter() if counts is None else counts
    name = source_name(source)
    graph = NamedNode(iris.source_graph(recipe.base, name))
    path = data / source.file
    kind = source.type or recipe.interactions.item_type
    if source.iri is None:
        template = type_template(recipe, kind)
    else:
        template = expand_template(source.iri, "id", recipe.prefixes, f"table.{name}.iri")
    mappers = [AttributeMapper(attribute, recipe, graph, matcher) for attribute in source.attributes]
    rows = _Rows(source, recipe, data, template, rejects, held_out or HeldOut.nothing(), counts)
    write = _Writer(source, NamedNode(iris.type_iri(recipe.base, kind)), graph, mappers, recipe.graph.literal_cap, keys)
    with progress.task(f"table {name}", unit="rows") as task:
        for batch in read_batches(path, source, rows.columns, rejects=rejects):
            for row in rows.prepare(batch, path).iter_rows(named=True):
                try:
                    quads = write.row(row)
                except ValueFault as fault:
                    rejects.add(
                        fault.problem,
                        file=path,
                        line=row[LINE],
                        column=write.column,
                        value=fault.value,
                        expected=fault.expected,
                    )
                else:
                    yield from quads
            task.advance(batch.height)
    for mapper in mappers:
        if mapper.attribute.match is not None:
            counts["values matched"] += mapper.matched
            counts["values unmatched"] += mapper.unmatched


class _Rows:
    """Batches with key, IRI and what the split leaves of them."""

    def __init__(
        self,
        source: TableSource,
        recipe: Recipe,
        data: Path,
        template: str,
        rejects: RejectSink,
        held_out: HeldOut,
        counts: Counter[str],
    ) -> None:
        self.source, self.template, self.rejects = source, template, rejects
        self.held_out, self.counts = held_out, counts
        columns = [source.id, source.label, *source.text, *(attribute.column for attribute in source.attributes)]
        columns += [source.user, source.timestamp]
        self.columns = list(dict.fromkeys(column for column in columns if column is not None))
        self.first_line: dict[str, int] = {}
        self.links: pl.DataFrame | None = None
        if source.join is not None:
            join = source.join
            links = read_frame(data / join.file, join, [join.column, join.key], rejects=rejects)
            pairs = {_ID: clean_keys(links[join.column]), _KEY: clean_keys(links[join.key])}
            self.links = pl.DataFrame(pairs).drop_nulls().unique().sort(_ID, _KEY)

    def prepare(self, batch: pl.DataFrame, path: Path) -> pl.DataFrame:
        source = self.source
        self.counts["rows"] += batch.height
        batch = batch.with_columns(clean_keys(batch[source.id]).alias(_ID))
        faults = [(batch[_ID].is_null(), "the id is empty", source.id, "an id")]
        times = pl.Series([None] * batch.height, dtype=pl.Int64)
        if source.timestamp is not None:
            times = to_seconds(batch[source.timestamp])
            unreadable = times.is_null() & (batch[source.timestamp].str.strip_chars().fill_null("") != "")
            faults.append(
                (unreadable, "the time cannot be read", source.timestamp, "seconds, milliseconds or ISO 8601")
            )
        users = clean_keys(batch[source.user]) if source.user else pl.Series([None] * batch.height, dtype=pl.String)
        batch = batch.with_columns(users.alias(_USER), times.alias(_TIME))
        batch = batch.filter(~reject_faults(batch, faults, path, self.rejects))
        if source.duplicates == "error" and source.user is None:
            batch = self._without_duplicates(batch, path)
        batch = self._linked(batch)
        batch = batch.with_columns(iris_of(batch[_KEY], self.template).alias(_IRI))
        invalid = (batch[_IRI].is_null(), f"the id makes no IRI with {self.template!r}", source.id, "an absolute IRI")
        batch = batch.filter(~reject_faults(batch, [invalid], path, self.rejects))
        if source.user is not None or source.timestamp is not None:
            hidden = self.held_out.hides(batch.select(user=_USER, item=_KEY, timestamp=_TIME))
            self.counts["held out"] += int(hidden.sum())
            batch = batch.filter(~hidden)
        return batch

    def _linked(self, batch: pl.DataFrame) -> pl.DataFrame:
        if self.links is None:
            return batch.with_columns(pl.col(_ID).alias(_KEY))
        linked = batch.join(self.links, on=_ID, how="left", maintain_order="left_right")
        self.counts["unlinked"] += linked[_KEY].null_count()
        return linked.filter(pl.col(_KEY).is_not_null())

    def _without_duplicates(self, batch: pl.DataFrame, path: Path) -> pl.DataFrame:
        keep = []
        for key, line in batch.select(_ID, LINE).iter_rows():
            first = self.first_line.setdefault(key, line)
            keep.append(first == line)
            if first != line:
                self.rejects.add(
                    f"the id occurs a second time, first in line {first}",
                    file=path,
                    line=line,
                    column=self.source.id,
                    value=key,
                    expected='each id once, or duplicates = "merge" in the recipe',
                )
        return batch.filter(pl.Series(keep, dtype=pl.Boolean))


class _Writer:
    """One row → its statements; ``column`` is the column being read, for messages."""

    def __init__(
        self,
        source: TableSource,
        kind: NamedNode,
        graph: NamedNode,
        mappers: list[AttributeMapper],
        cap: int,
        keys: KeyIndex,
    ) -> None:
        self.source, self.kind, self.graph, self.mappers = source, kind, graph, mappers
        self.cap, self.keys = cap, keys
        self.column = source.id
        self.described: set[int] = set()

    def row(self, row: dict[str, str | None]) -> list[Quad]:
        """Raises :class:`ValueFault` before anything is remembered of the row."""
        iri, key = str(row[_IRI]), str(row[_KEY])
        node = NamedNode(iri)
        quads = [Quad(node, TYPE, self.kind, self.graph)]
        if self.source.label is not None:
            self._literal(quads, node, LABEL, self.source.label, [row[self.source.label]])
        if self.source.text:
            self._literal(quads, node, TEXT, self.source.text[0], [row[column] for column in self.source.text])
        new: list[Entity] = []
        for mapper in self.mappers:
            self.column = mapper.column
            for entity in mapper.entities(row[mapper.column]):
                quads.append(Quad(node, mapper.predicate, entity.node, self.graph))
                if id(entity) not in self.described:
                    new.append(entity)
        self.keys.add(iri, key)
        for entity in new:
            self.described.add(id(entity))
            quads.extend(entity.description)
            if entity.key is not None:
                self.keys.add(entity.node.value, entity.key)
        return quads

    def _literal(
        self, quads: list[Quad], node: NamedNode, predicate: NamedNode, column: str, cells: list[str | None]
    ) -> None:
        self.column = column
        text = "\n".join(cell.strip() for cell in cells if cell and cell.strip())
        if text:
            quads.append(Quad(node, predicate, literal(text, self.cap), self.graph))
