"""A small world that has something for every channel, and what the tests of the flow model do with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import EDGES_SCHEMA, INTERACTIONS_SCHEMA, NODES_SCHEMA, RELATIONS_SCHEMA, Snapshot
from kgrec.flow import FlowConfig
from kgrec.flow.builder import Builder, Context
from kgrec.flow.channel import Channel
from kgrec.flow.part import Part
from kgrec.flow.registry import chosen

USERS, ITEMS, GENRES, PEOPLE, STUDIOS = 90, 60, 9, 25, 12
UNSEEN = (17, 59)
"""Items that nobody holds, one of them the last: they have text and links."""
TASTES = 3

Row = tuple[int, int, int | None, str]
Edge = tuple[str, int, str, str, int]


def make_snapshot(counts: Mapping[str, int], interactions: Iterable[Row], edges: Iterable[Edge] = ()) -> Snapshot:
    """A snapshot from (user, item, time, split) and (type, id, relation, type, id)."""
    nodes = [
        (kind, n, f"urn:{kind}/{n}", str(n), f"{kind} {n}", None)
        for kind, count in sorted(counts.items())
        for n in range(count)
    ]
    rows = sorted((user, item, 1.0, time, split) for user, item, time, split in interactions)
    wanted = sorted((*edge, "test") for edge in set(edges))
    names = sorted({edge[2] for edge in wanted})
    return Snapshot(
        "User",
        "Item",
        pl.DataFrame(nodes, schema=NODES_SCHEMA, orient="row"),
        pl.DataFrame([(name, f"urn:{name}", name) for name in names], schema=RELATIONS_SCHEMA, orient="row"),
        pl.DataFrame(wanted, schema=EDGES_SCHEMA, orient="row"),
        pl.DataFrame(rows, schema=INTERACTIONS_SCHEMA, orient="row"),
    )


def make_world(seed: int = 0, users: int = USERS) -> Snapshot:
    """Users and items of three tastes, item n of taste n % 3; links in both directions, between items too.

    A user has 12 of the seen items of their taste and 4 others, at times without ties; 3 of them are held out for
    each part.
    """
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    seen = np.setdiff1d(np.arange(ITEMS), UNSEEN)
    for user in range(users):
        own, other = seen[seen % TASTES == user % TASTES], seen[seen % TASTES != user % TASTES]
        items = np.concatenate([rng.permutation(own)[:12], rng.permutation(other)[:4]])
        parts = ["valid", "valid", "test", "test", *["train"] * 12]
        times = rng.permutation(10_000)[:16]
        rows += [(user, int(i), int(t), part) for i, t, part in zip(rng.permutation(items), times, parts)]
    edges: list[Edge] = []
    for item in range(ITEMS):
        of_taste = np.arange(item % TASTES, GENRES, TASTES)
        genres = {int(rng.choice(of_taste)), *map(int, rng.integers(0, GENRES, 3))}
        edges += [("Item", item, "genre", "Genre", genre) for genre in genres]
        edges += [("Item", item, "actor", "Person", int(person)) for person in rng.permutation(PEOPLE)[:4]]
        edges += [("Studio", int(studio), "made", "Item", item) for studio in rng.permutation(STUDIOS)[:2]]
    for item in range(0, ITEMS - 1, 2):
        edges.append(("Item", item, "sequel", "Item", int(rng.integers(0, ITEMS))))
    edges.append(("Item", 5, "sequel", "Item", 5))
    counts = {"Genre": GENRES, "Item": ITEMS, "Person": PEOPLE, "Studio": STUDIOS, "User": users}
    return make_snapshot(counts, rows, edges)


def make_vectors(seed: int, dim: int) -> Features:
    """A vector an item, near that of its taste; item 3 has none."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(ITEMS, dim)).astype(np.float32)
    matrix += 1.5 * rng.normal(size=(TASTES, dim)).astype(np.float32)[np.arange(ITEMS) % TASTES]
    mask = np.ones(ITEMS, dtype=bool)
    mask[3] = False
    matrix[3] = 0.0
    return {"Item": (matrix, mask)}


@dataclass(frozen=True)
class World:
    """A snapshot, its vectors and what is built from them.

    Attributes:
        snapshot, text, kg: the data.
        config: small settings.
        given: channels that are taken as built, by builder.
    """

    snapshot: Snapshot
    text: Features | None
    kg: Features | None
    config: FlowConfig
    given: Mapping[str, tuple[Channel, ...]] | None = None

    @cached_property
    def part(self) -> Part:
        return Part.of(self.snapshot, self.text, self.kg, self.config.neighbours)

    @cached_property
    def channels(self) -> dict[str, tuple[Channel, ...]]:
        """By builder."""
        return build_all(self.part, self.config, self.given or {})

    @property
    def all_channels(self) -> list[Channel]:
        return [one for made in self.channels.values() for one in made]

    def builder(self, channel: Channel) -> Builder:
        return next(one for one in chosen((), ()) if one.name == channel.family)


def build_all(
    part: Part, config: FlowConfig, given: Mapping[str, tuple[Channel, ...]] | None = None, seed: int = 0
) -> dict[str, tuple[Channel, ...]]:
    """The channels of every builder that has something to build on."""
    context = Context(config, seed)
    for builder in chosen((), ()):
        if given and builder.name in given:
            context.built[builder.name] = given[builder.name]
        elif builder.missing(part) is None:
            context.built[builder.name] = builder.build(part, context)
    return context.built


SMALL = FlowConfig(dim=6, epochs=4)


@pytest.fixture(scope="session")
def world() -> World:
    return World(make_world(), make_vectors(1, 8), make_vectors(2, 5), SMALL)


@pytest.fixture(scope="session")
def small_config() -> FlowConfig:
    return SMALL


@pytest.fixture(scope="session")
def snapshot_of() -> Callable[..., Snapshot]:
    return make_snapshot


@pytest.fixture(scope="session")
def build_channels() -> Callable[..., dict[str, tuple[Channel, ...]]]:
    return build_all


def dense(channel: Channel, items: int) -> NDArray[np.float32]:
    """``W``: float32 ``[items, items]``."""
    return channel.apply(sp.eye_array(items, format="csr", dtype=np.float32))


@pytest.fixture(scope="session")
def matrix_of() -> Callable[[Channel, int], NDArray[np.float32]]:
    return dense


def renumber(world: World, places: Mapping[str, NDArray[np.int64]]) -> World:
    """The same data with node ``n`` of a type called ``places[type][n]``."""
    snapshot = world.snapshot

    def new(kind: pl.Expr, node: pl.Expr) -> pl.Expr:
        change = pl.struct(kind=kind, node=node)
        return change.map_elements(
            lambda one: int(places[one["kind"]][one["node"]]) if one["kind"] in places else one["node"],
            return_dtype=pl.Int64,
        )

    interactions = snapshot.interactions.with_columns(
        user=pl.col("user").map_elements(lambda n: int(places["User"][n]), return_dtype=pl.Int64),
        item=pl.col("item").map_elements(lambda n: int(places["Item"][n]), return_dtype=pl.Int64),
    ).sort("user", "item")
    edges = snapshot.edges.with_columns(
        source=new(pl.col("source_type"), pl.col("source")), target=new(pl.col("target_type"), pl.col("target"))
    ).sort(snapshot.edges.columns)

    def moved(features: Features | None) -> Features | None:
        if features is None:
            return None
        result: Features = {}
        for kind, (matrix, mask) in features.items():
            back = np.argsort(places[kind])
            result[kind] = matrix[back], mask[back]
        return result

    return replace(
        world,
        snapshot=replace(snapshot, interactions=interactions, edges=edges),
        text=moved(world.text),
        kg=moved(world.kg),
    )


@pytest.fixture(scope="session")
def places() -> dict[str, NDArray[np.int64]]:
    """A permutation of the ids of every node type."""
    rng = np.random.default_rng(11)
    sizes = {"Genre": GENRES, "Item": ITEMS, "Person": PEOPLE, "Studio": STUDIOS, "User": USERS}
    return {kind: rng.permutation(size) for kind, size in sizes.items()}


@pytest.fixture(scope="session")
def renumbered(world: World, places: dict[str, NDArray[np.int64]]) -> World:
    return renumber(world, places)


def with_held_out(snapshot: Snapshot, rows: Iterable[Row], drop: Sequence[str]) -> Snapshot:
    """The snapshot without the interactions of some parts and with these ones instead."""
    kept = snapshot.interactions.filter(~pl.col("split").is_in(drop))
    new = pl.DataFrame(
        [(user, item, 1.0, time, split) for user, item, time, split in rows], schema=INTERACTIONS_SCHEMA, orient="row"
    )
    return replace(snapshot, interactions=pl.concat([kept, new]).sort("user", "item"))


@pytest.fixture(scope="session")
def held_out_changed() -> Callable[..., Snapshot]:
    return with_held_out


def other_rows(snapshot: Snapshot, split: str, seed: int, unseen: bool = False) -> list[Row]:
    """Two random interactions a user that training has not; in ``unseen`` items too if asked for."""
    rng = np.random.default_rng(seed)
    train = snapshot.matrix("train").toarray() > 0
    rows: list[Row] = []
    for user in range(snapshot.num_users):
        free = np.flatnonzero(~train[user])
        if not unseen:
            free = np.setdiff1d(free, UNSEEN)
        rows += [(user, int(item), int(rng.integers(0, 10_000)), split) for item in rng.permutation(free)[:2]]
    return rows


@pytest.fixture(scope="session")
def rows_at_random() -> Callable[..., list[Row]]:
    return other_rows


def channel_bytes(channel: Channel) -> list[Any]:
    """Everything a channel consists of, comparable."""
    parts: list[Any] = [channel.name, channel.kind, channel.knowledge]
    for factor in channel.factors:
        if sp.issparse(factor):
            parts += [factor.shape, factor.data.tobytes(), factor.indices.tobytes(), factor.indptr.tobytes()]
        else:
            parts += [factor.shape, factor.tobytes()]
    for ids in (channel.sources, channel.targets):
        parts.append(None if ids is None else ids.tobytes())
    return parts


@pytest.fixture(scope="session")
def bytes_of() -> Callable[[Channel], list[Any]]:
    return channel_bytes
