"""The same answers the long way: the edited graph is made, and every channel that reads it is built on it anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import Fact
from kgrec.flow.builder import Context
from kgrec.flow.channels.around import Around
from kgrec.flow.channels.chained import EaseThenSimilar, SimilarThenLow
from kgrec.flow.channels.content import Content
from kgrec.flow.channels.knowledge import Knowledge
from kgrec.flow.content import ItemContent
from kgrec.flow.links import KEY, Links
from kgrec.flow.model import FlowScorer
from kgrec.flow.part import Part
from kgrec.flow.regression import foretell


def edited_snapshot(snapshot: Snapshot, drop: Iterable[Fact], add: Iterable[Fact]) -> Snapshot:
    """With other edges; the interactions are the same."""
    ends = ["source_type", "source", "relation", "target_type", "target"]
    schema = {name: snapshot.edges.schema[name] for name in ends}

    def frame(facts: Iterable[Fact]) -> pl.DataFrame:
        return pl.DataFrame([(*f.source, f.relation, *f.target) for f in facts], schema=schema, orient="row")

    edges = snapshot.edges.join(frame(drop), on=ends, how="anti")
    more = frame(add).with_columns(origin=pl.lit("added"))
    return replace(snapshot, edges=pl.concat([edges, more.select(edges.columns)]))


class FixedLinks(Links):
    """Links of an edited graph in the columns, and with the counts, of the graph as it was."""

    _counts: NDArray[np.int64]

    @classmethod
    def after(cls, edited: Snapshot, links: Links) -> Links:
        found = Links.of(edited)
        columns = links.links.with_row_index("column")
        if found is None:
            rows = columns_ = np.zeros(0, dtype=np.int64)
        else:
            place = found.links.join(columns, on=KEY, how="left", maintain_order="left")["column"].fill_null(-1)
            coo = found.matrix.tocoo()
            columns_ = place.to_numpy()[coo.coords[1]]
            rows = coo.coords[0][columns_ >= 0]
            columns_ = columns_[columns_ >= 0]
        matrix = sp.csr_array((np.ones(len(rows), np.float32), (rows, columns_)), shape=links.matrix.shape)
        matrix.sort_indices()
        made = cls(matrix, links.links, np.zeros(matrix.nnz, dtype=bool))
        made.__dict__["degree"] = links.degree
        made.__dict__["relations"] = links.relations
        return made


_KEPT: dict[int, Part] = {}


def _before(snapshot: Snapshot, text: Features | None, neighbours: int, max_dense: int) -> Part:
    """The part as it was, with what it works out when it is asked."""
    if id(snapshot) not in _KEPT:
        _KEPT[id(snapshot)] = Part.of(snapshot, text, None, neighbours, max_dense)
    return _KEPT[id(snapshot)]


def rebuilt(
    snapshot: Snapshot, scorer: FlowScorer, text: Features | None, drop: Iterable[Fact], add: Iterable[Fact]
) -> FlowScorer:
    """The model over the edited graph, everything learned and counted as it was."""
    flow, config = scorer.flow, scorer.flow.config
    before = _before(snapshot, text, config.neighbours, config.max_dense)
    if before.content.links is None:
        return scorer
    links = FixedLinks.after(edited_snapshot(snapshot, drop, add), before.content.links)
    content = ItemContent(links, before.content.text, None, config.neighbours, config.max_dense)
    part = replace(before, content=content)
    channels = {channel.name: channel for channel in flow.channels}
    built: dict[str, Any] = {name: (channels[name],) for name in ("ease", "low") if name in channels}
    # a channel whose gate is 0 is kept only inside those that are made from it
    for name, chained, place in (("ease", "ease>similar", slice(0, 1)), ("low", "similar>low", slice(1, 3))):
        if name not in built and (of := channels.get(chained)) is not None:
            ends = of.sources if of.targets is None else of.targets
            built[name] = (replace(of, name=name, factors=of.factors[place], sources=ends, targets=ends),)
    context = Context(config, built=built)
    made = {}
    for builder in (Knowledge(), Around(), EaseThenSimilar(), SimilarThenLow()):
        if any(c.family == builder.name for c in flow.channels):
            made.update({channel.name: channel for channel in builder.build(part, context)})
    made.pop("around:text", None)
    foretold = flow.catalogue.foretold
    if "content" in channels and "low" in channels:
        # the axes and the regression are learned: they are those of the graph as it was
        content.__dict__["link_axes"] = before.content.link_axes
        vectors = content.stacked(content.text, content.link_rows)
        new = np.flatnonzero((flow.catalogue.degree == 0) & (np.abs(vectors).sum(axis=1) > 0))
        placed = Content.place(channels["low"], before, vectors[new])
        source = channels["content"].factors[0]
        made["content"] = replace(channels["content"], factors=(source, placed.T.copy()), targets=new)
        foretold = np.zeros_like(foretold)
        foretold[new] = foretell(before, vectors[new])
    changed = tuple(made.get(channel.name, channel) for channel in flow.channels)
    catalogue = replace(flow.catalogue, foretold=foretold)
    return replace(scorer, flow=replace(flow, channels=changed, catalogue=catalogue))
