"""Why a new item scores for a user as it does: what its text and links share with the user's items."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from kgrec.config.outcome import ExplainConfig
from kgrec.dataset.snapshot import INTERACTS, Snapshot
from kgrec.explain.names import Names
from kgrec.explain.types import Explanation, Kind, Node, Path, Relation
from kgrec.explain.wording import Wording, Wordings
from kgrec.recommend.newcomers import Arrivals

HOPS: dict[str, Kind] = {"text": "similarity", "ease>similar": "similarity", "content": "latent"}
"""The learned hop by which a family reaches a new item; of ``ease>similar`` it is the second of two steps."""


def explain_arrival(
    arrivals: Arrivals,
    number: int,
    user: int,
    rank: int | None = None,
    paths: int = 5,
    wording: Wording | None = None,
) -> Explanation:
    """Explains one of the new items for a user.

    Paths over links are spelled out: the first half is in the graph, the second is what the item's description says.
    Everything else is one learned hop from an item of the history.

    Args:
        arrivals: the items and the model.
        number: of the item, from 0.
        user: id in the snapshot.
        rank: place in the user's list, where known.
        paths: how many.
        wording: of the sentences; English by default.
    """
    snapshot, newcomers, item = arrivals.snapshot, arrivals.newcomers, arrivals.items[number]
    one = np.array([user])
    history = snapshot.matrix("train")[one]
    sent = newcomers.sent(history, number, one)
    names, wording = Names(snapshot), wording or Wordings(snapshot, ExplainConfig()).of()
    person = names.nodes([snapshot.offsets[snapshot.user_type] + user])[snapshot.offsets[snapshot.user_type] + user]
    target = Node(item.id, snapshot.item_type, item.name)
    carried: dict[tuple[int, int, str], float] = defaultdict(float)
    channels: dict[tuple[int, int, str], list[str]] = defaultdict(list)
    for name, flow in sent.items():
        family = name.split(":", 1)[0]
        for place in np.flatnonzero(flow):
            source = int(history.indices[place])
            spelled = _links(arrivals, name, source, number) if family == "kg" else [(-1, 1.0)]
            for column, share in spelled:
                key = (source, column, "" if column >= 0 else HOPS.get(family, "similarity"))
                carried[key] += float(flow[place]) * share
                channels[key].append(name)
    heavy = sorted(carried, key=lambda key: (-abs(carried[key]), key))[:paths]
    parts = {name: float(flow.sum()) for name, flow in sent.items()}
    prior, total = float(newcomers.prior[number]), sum(parts.values())
    size = sum(map(abs, parts.values())) + abs(prior)
    literal = {channel.name for channel in newcomers.scorer.flow.channels if channel.knowledge}
    note = wording.language.say(
        "note.newcomer" if parts else "note.newcomer_prior", item=wording.language.quoted(item.name)
    )
    return Explanation(
        names.keys([snapshot.offsets[snapshot.user_type] + user])[snapshot.offsets[snapshot.user_type] + user],
        item.id,
        item.name,
        rank,
        total + prior,
        tuple(_path(arrivals, names, wording, person, target, key, carried[key], channels[key]) for key in heavy),
        total,
        0.0,
        (note,),
        prior,
        tuple(sorted(parts.items(), key=lambda part: (-abs(part[1]), part[0]))),
        sum(abs(parts[name]) for name in parts if name in literal) / size if size else 0.0,
        lang=wording.language.tag,
    )


def _links(arrivals: Arrivals, channel: str, source: int, number: int) -> list[tuple[int, float]]:
    """Shared links of an item of the history and the new one, with the share of the channel's weight they carry."""
    new = arrivals.newcomers.new
    links = new.content.links
    assert links is not None
    assert new.links is not None
    _, _, relation = channel.partition(":")
    if relation:
        first = links.by_relation[relation][[source]]
        second = links.weighted(links.relations[relation], new.links)[[number]]
    else:
        assert new.content.link_rows is not None
        assert new.link_rows is not None
        first, second = new.content.link_rows[[source]], new.link_rows[[number]]
    both = first.multiply(second).tocsr()
    total = float(both.data.sum())
    return [(int(column), float(value) / total) for column, value in zip(both.indices, both.data) if total]


def _path(
    arrivals: Arrivals,
    names: Names,
    wording: Wording,
    person: Node,
    target: Node,
    key: tuple[int, int, str],
    weight: float,
    channels: list[str],
) -> Path:
    snapshot: Snapshot = arrivals.snapshot
    source, column, learned = key
    position = snapshot.offsets[snapshot.item_type] + source
    start = names.nodes([position])[position]
    liked = Relation(INTERACTS, "forward", INTERACTS, "interaction")
    if column < 0:
        kind: Kind = "latent" if learned == "latent" else "similarity"
        nodes: tuple[Node, ...] = (person, start, target)
        hops: tuple[Relation, ...] = (liked, Relation(kind, "forward", kind, kind, 0))
    else:
        links = arrivals.newcomers.new.content.links
        assert links is not None
        relation, outward, node_type, node = links.links.row(column)
        middle_at = snapshot.offsets[node_type] + node
        middle = names.nodes([middle_at])[middle_at]
        label = wording.relations.label(relation)
        out = Relation(relation, "forward" if outward else "reverse", label)
        back = Relation(relation, "reverse" if outward else "forward", label)
        nodes, hops = (person, start, middle, target), (liked, out, back)
        # an item that is the shared node itself is linked directly
        if (node_type, node) == (snapshot.item_type, source):
            nodes, hops = (person, start, target), (liked, back)
    text = wording.sentence(nodes, hops, weight < 0)
    return Path(nodes, hops, weight, text, channels=tuple(channels))
