"""An item that came after training scores as the same item does when it is in the snapshot without interactions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from kgrec.flow import Flow, FlowScorer
from kgrec.flow.channel import Channel
from kgrec.flow.fit import catalogue
from kgrec.flow.gates import Gate, Gates
from kgrec.flow.links import KEY, Links
from kgrec.flow.newcomer import Newcomers, NewItems
from kgrec.flow.part import Part, training_times

NEW = 17
"""An item of the world that nobody holds."""


def scorer_of(world, part: Part, channels: list[Channel]) -> FlowScorer:
    """Every channel at work, two folds that differ."""

    def gates(strength: float, recency: float) -> Gates:
        by_channel = {one.name: Gate(strength, -0.3, -0.2, recency) for one in channels}
        return Gates(by_channel, (0.1, 0.4, 0.7), 0.5)

    flow = Flow(tuple(channels), (gates(1.0, 0.0), gates(2.0, 0.5)), catalogue(part), world.config, {}, 0)
    return flow.scorer(world.snapshot)


def without_sequels(world):
    """An item's standing for itself is a link that only its neighbours in the snapshot give it."""
    snapshot = world.snapshot
    edges = snapshot.edges.filter(pl.col("relation") != "sequel")
    return replace(world, snapshot=replace(snapshot, edges=edges), kg=None)


def described(links: Links, of: Links) -> sp.csr_array:
    """The new item's links in ``of``, in the columns of ``links``."""
    column = links.links.with_row_index("column")
    row = of.links[of.matrix[[NEW]].indices].join(column, on=KEY, how="inner")["column"].to_numpy().astype(np.int64)
    return sp.csr_array((np.ones(len(row), np.float32), (np.zeros(len(row), int), row)), shape=(1, len(links.links)))


def hidden(world, part: Part) -> Part:
    """The part without the item's links and text; what is counted over items is that of the whole."""
    snapshot = world.snapshot
    mine = (pl.col("source_type") == "Item") & (pl.col("source") == NEW)
    mine |= (pl.col("target_type") == "Item") & (pl.col("target") == NEW)
    text = {kind: (matrix.copy(), mask.copy()) for kind, (matrix, mask) in world.text.items()}
    text["Item"][1][NEW] = False
    found = Part.of(replace(snapshot, edges=snapshot.edges.filter(~mine)), text, None, world.config.neighbours)
    links, whole = found.content.links, part.content.links
    assert links is not None
    assert whole is not None
    place = links.links.join(whole.links.with_row_index("column"), on=KEY, how="left")["column"].to_numpy().astype(int)
    for name in ("degree", "shared"):
        links.__dict__[name] = getattr(whole, name)[place]
    links.__dict__["relations"] = {name: columns[place] for name, columns in whole.relations.items()}
    found.content.__dict__["text_whitening"] = part.content.text_whitening
    found.content.__dict__["link_axes"] = part.content.link_axes[place]
    return found


@pytest.mark.parametrize("taken_out", [False, True])
def test_as_if_it_had_been_there(world, taken_out: bool) -> None:
    world = without_sequels(world)
    part = world.part
    present = scorer_of(world, part, world.all_channels)
    rest = hidden(world, part) if taken_out else part
    other = replace(world)
    other.__dict__["part"] = rest
    absent = scorer_of(other, rest, other.all_channels)
    if taken_out:
        near = next(one for one in absent.flow.channels if one.name == "text").factors[0]
        assert NEW not in near.indices
    links = rest.content.links
    assert links is not None
    assert rest.content.text is not None
    new = NewItems(rest.content, described(links, part.content.links), world.text["Item"][0][[NEW]], 1)
    newcomers = Newcomers.of(absent, rest, new)
    spoken = {"kg", "kg:genre", "text", "ease>similar", "content"} | {
        name for name in newcomers.columns if name.startswith("kg:")
    }
    assert set(newcomers.columns) == spoken
    histories, users = rest.train, np.arange(rest.num_users)
    expected = present.score(histories, users)[:, [NEW]]
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(newcomers.score(histories, users), expected, atol=1e-5 * np.abs(expected).max())
    # channel by channel, so that no two errors cancel
    ours: dict[str, np.ndarray] = {}
    for channel, flow in newcomers.parts(histories, users):
        ours[channel.name] = ours.get(channel.name, 0.0) + flow[:, 0]
    theirs: dict[str, np.ndarray] = {}
    for channel, flow in present.parts(histories, users):
        theirs[channel.name] = theirs.get(channel.name, 0.0) + flow[:, NEW]
    for name, flow in theirs.items():
        np.testing.assert_allclose(ours.get(name, np.zeros_like(flow)), flow, atol=1e-5 * np.abs(expected).max())


def test_what_is_sent_adds_up(world) -> None:
    part = world.part
    scorer = scorer_of(world, part, world.all_channels)
    assert training_times(world.snapshot) is not None
    links = part.content.links
    text = world.text["Item"][0][[NEW, 3]]
    newcomers = Newcomers.of(scorer, part, NewItems(part.content, links.matrix[[NEW, 2]], text, 2))
    user = np.array([4])
    history = part.train[user]
    for item in range(2):
        sent = newcomers.sent(history, item, user)
        total = newcomers.prior[item] + sum(flow.sum() for flow in sent.values())
        np.testing.assert_allclose(total, newcomers.score(history, user)[0, item], rtol=1e-5)


def test_an_item_of_which_nothing_is_known_has_the_prior_alone(world) -> None:
    part = world.part
    scorer = scorer_of(world, part, world.all_channels)
    links, text = part.content.links, part.content.text
    empty = NewItems(part.content, sp.csr_array((1, links.matrix.shape[1]), dtype=np.float32), 0 * text[[0]], 1)
    newcomers = Newcomers.of(scorer, part, empty)
    assert not newcomers.columns
    np.testing.assert_allclose(newcomers.score(part.train[:3], np.arange(3)), 0.4, rtol=1e-6)
    nothing = Newcomers.of(scorer, part, NewItems(part.content, None, None, 2))
    np.testing.assert_allclose(nothing.score(part.train[:3]), 0.4, rtol=1e-6)
