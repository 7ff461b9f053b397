"""What every channel keeps, whoever made it: a new one is covered by being registered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.flow.builder import Context
from kgrec.flow.channel import Channel
from kgrec.flow.files import load_flow, save_flow
from kgrec.flow.fit import build
from kgrec.flow.gates import Catalogue, Gate, Gates
from kgrec.flow.model import Flow
from kgrec.flow.part import Part
from kgrec.flow.registry import builders, chosen

if TYPE_CHECKING:
    from conftest import World

NAMES = [kind.name for kind in builders().lookup_dict.values()]
UNSEEN = (17, 59)


@dataclass(frozen=True)
class Expected:
    """What a family promises besides.

    Attributes:
        channels: made of the world of these tests.
        hops: kinds of the steps of its paths.
        no_diagonal: no item speaks for itself.
        exact: permuted ids give the permuted channel up to rounding, given the channels it is made from; where not,
            training starts at random or goes by the order of users, and correlation is all that can be asked for.
        knowledge: counts as literal knowledge.
        unseen: says something about items that nobody holds.
    """

    channels: tuple[str, ...]
    hops: frozenset[str]
    no_diagonal: bool = False
    exact: bool = True
    knowledge: bool = False
    unseen: bool = False


def hops(*kinds: str) -> frozenset[str]:
    return frozenset(kinds)


EXPECTED = {
    "ease": Expected(("ease",), hops("co-preference"), no_diagonal=True),
    "rp3": Expected(("rp3",), hops("interaction")),
    "low": Expected(("low",), hops("latent"), exact=False),
    "learned": Expected(("learned",), hops("latent"), exact=False),
    "kg": Expected(("kg", "kg:actor", "kg:genre", "kg:rest"), hops("fact"), knowledge=True, unseen=True),
    "text": Expected(("text",), hops("similarity"), no_diagonal=True, unseen=True),
    "embedding": Expected(("embedding",), hops("similarity"), no_diagonal=True, unseen=True),
    "ease>similar": Expected(("ease>similar",), hops("co-preference", "similarity"), unseen=True),
    "similar>low": Expected(("similar>low",), hops("similarity", "latent")),
    "around": Expected(("around:links", "around:text"), hops("similarity"), no_diagonal=True),
    "sequence": Expected(("sequence",), hops("sequence"), no_diagonal=True),
    "transition": Expected(("transition",), hops("sequence"), no_diagonal=True),
    "content": Expected(("content",), hops("latent"), unseen=True),
}

each = pytest.mark.parametrize("name", NAMES)


def test_every_builder_has_an_expectation() -> None:
    assert set(NAMES) == set(EXPECTED)


def histories(items: int, count: int, seed: int) -> sp.csr_array:
    rng = np.random.default_rng(seed)
    dense = (rng.random((count, items)) < 0.2).astype(np.float32)
    return sp.csr_array(dense * rng.uniform(0.1, 2.0, dense.shape).astype(np.float32))


def mapped(array: Any) -> bool:
    """Whether the array is a view of a file."""
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


def scale(matrix: NDArray[np.float32]) -> float:
    return max(float(np.abs(matrix).max()), 1e-12)


@each
def test_the_world_gives_the_family_what_it_is_made_from(world: World, name: str) -> None:
    made = world.channels[name]
    expected = EXPECTED[name]
    assert tuple(sorted(one.name for one in made)) == expected.channels
    for channel in made:
        assert channel.family == name
        assert channel.knowledge == expected.knowledge
        assert channel.kind in ("literal", "learned", "content")
        for factor in channel.factors:
            assert factor.dtype == np.float32
            # another layout would round differently from the one that is read from disk
            assert sp.issparse(factor) or factor.flags.c_contiguous
            assert np.isfinite(factor.data if sp.issparse(factor) else factor).all()
        for ids in (channel.sources, channel.targets):
            assert ids is None or (np.diff(ids) > 0).all()


@each
def test_the_score_of_a_history_is_the_sum_over_its_items(
    world: World, matrix_of: Callable[..., NDArray[np.float32]], name: str
) -> None:
    items = world.part.num_items
    batch = histories(items, 6, seed=3)
    for channel in world.channels[name]:
        weights = matrix_of(channel, items)
        expected = np.zeros((6, items))
        for u in range(6):
            for j, weight in zip(*(getattr(batch[[u]], a) for a in ("indices", "data"))):
                expected[u] += float(weight) * weights[j].astype(np.float64)
        np.testing.assert_allclose(channel.apply(batch), expected, atol=2e-6 * scale(weights) * 20)


@each
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_two_histories_add(world: World, name: str, data: st.DataObject) -> None:
    items = world.part.num_items
    entry = st.floats(-2, 2, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3)
    row = st.dictionaries(st.integers(0, items - 1), entry, max_size=6)
    rows = [data.draw(row), data.draw(row)]
    dense = np.zeros((3, items), dtype=np.float32)
    for u, one in enumerate(rows):
        for j, value in one.items():
            dense[u, j] = value
    dense[2] = dense[0] + dense[1]
    for channel in world.channels[name]:
        first, second, both = channel.apply(sp.csr_array(dense))
        np.testing.assert_allclose(first + second, both, atol=1e-5 * max(scale(first), scale(second), 1e-3))


@each
def test_weights_are_the_matrix(world: World, matrix_of: Callable[..., NDArray[np.float32]], name: str) -> None:
    items = world.part.num_items
    everybody = np.arange(items)
    for channel in world.channels[name]:
        weights = matrix_of(channel, items)
        for target in (0, 3, 29, *UNSEEN):
            found = channel.weights(everybody, target)
            np.testing.assert_allclose(found, weights[:, target], atol=1e-6 * scale(weights))
        some = np.array([59, 4, 4, 17])
        np.testing.assert_allclose(channel.weights(some, 29), weights[some, 29], atol=1e-6 * scale(weights))


@each
def test_hops_add_up_to_the_weight(world: World, matrix_of: Callable[..., NDArray[np.float32]], name: str) -> None:
    rng = np.random.default_rng(5)
    items = world.part.num_items
    for channel in world.channels[name]:
        weights = matrix_of(channel, items)
        builder = world.builder(channel)
        strongest = [np.unravel_index(x, weights.shape) for x in np.argsort(-np.abs(weights), axis=None)[:20]]
        pairs = [*strongest, *rng.integers(0, items, (40, 2)), (5, 5), (17, 59), (59, 17), (0, 59), (59, 0)]
        for j, i in pairs:
            paths = builder.hops(channel, world.part, int(j), int(i))
            total, mass = sum(weight for weight, _ in paths), sum(abs(weight) for weight, _ in paths)
            assert total == pytest.approx(float(weights[j, i]), rel=1e-6, abs=1e-6 * max(mass, 1e-3 * scale(weights)))


@each
def test_paths_run_from_source_to_target_over_what_exists(
    world: World, matrix_of: Callable[..., NDArray[np.float32]], name: str
) -> None:
    part, items = world.part, world.part.num_items
    train = part.train.toarray() > 0
    facts = {tuple(row[:5]) for row in world.snapshot.edges.iter_rows()}
    kinds = set()
    for channel in world.channels[name]:
        weights = matrix_of(channel, items).copy()
        np.fill_diagonal(weights, 0.0)
        for x in np.argsort(-np.abs(weights), axis=None)[:40]:
            j, i = (int(n) for n in np.unravel_index(x, weights.shape))
            for _, path in world.builder(channel).hops(channel, part, j, i):
                assert path[0].source == ("Item", j)
                assert path[-1].target == ("Item", i)
                for one, following in pairwise(path):
                    assert one.target == following.source
                for hop in path:
                    kinds.add(hop.kind)
                    start, end = (hop.source, hop.target) if hop.outward else (hop.target, hop.source)
                    if hop.kind == "fact":
                        assert (*start, hop.relation, *end) in facts
                    elif hop.kind == "interaction":
                        assert train[start[1], end[1]]
                        assert (start[0], end[0]) == ("User", "Item")
                    else:
                        assert hop.support == int((train[:, hop.source[1]] & train[:, hop.target[1]]).sum())
    assert kinds == EXPECTED[name].hops


@pytest.mark.parametrize("name", [name for name in EXPECTED if EXPECTED[name].no_diagonal])
def test_no_item_speaks_for_itself_where_that_is_promised(
    world: World, matrix_of: Callable[..., NDArray[np.float32]], name: str
) -> None:
    for channel in world.channels[name]:
        assert not np.diag(matrix_of(channel, world.part.num_items)).any()


@each
def test_what_nobody_holds(world: World, matrix_of: Callable[..., NDArray[np.float32]], name: str) -> None:
    assert not np.isin(UNSEEN, world.part.seen).any()
    reached = False
    for channel in world.channels[name]:
        weights = matrix_of(channel, world.part.num_items)
        assert np.isfinite(weights).all()
        reached |= bool(weights[:, list(UNSEEN)].any())
    assert reached == EXPECTED[name].unseen


@each
def test_an_empty_history_gives_zeros(world: World, name: str) -> None:
    for channel in world.channels[name]:
        found = channel.apply(sp.csr_array((2, world.part.num_items), dtype=np.float32))
        assert found.shape == (2, world.part.num_items)
        assert not found.any()
        assert channel.apply(sp.csr_array((0, world.part.num_items), dtype=np.float32)).shape[0] == 0


@each
def test_permuted_ids_give_the_permuted_channel(
    world: World,
    renumbered: World,
    places: dict[str, NDArray[np.int64]],
    matrix_of: Callable[..., NDArray[np.float32]],
    build_channels: Callable[..., dict[str, tuple[Channel, ...]]],
    name: str,
) -> None:
    """Closed forms exactly; trained factors depend on the order of users and on their first values, so that they need
    be no less like each other than two seeds' are; what is made from trained factors is made from the same ones."""
    place, items = places["Item"], world.part.num_items

    def permuted(channel: Channel) -> Channel:
        back = np.argsort(place)
        if channel.sources is None or channel.targets is None:
            raise AssertionError("expected a channel between seen items")
        sources, targets = np.sort(place[channel.sources]), np.sort(place[channel.targets])
        rows = np.searchsorted(channel.sources, back[sources])
        columns = np.searchsorted(channel.targets, back[targets])
        first, last = channel.factors[0][rows], channel.factors[-1][:, columns]
        return replace(channel, factors=(first, last), sources=sources, targets=targets)

    low = (permuted(world.channels["low"][0]),)
    given = {} if name == "low" else {"low": low}
    others = build_channels(renumbered.part, renumbered.config, given)
    before = {} if name == "low" else {"low": world.channels["low"]}
    seeds = build_channels(world.part, world.config, before, seed=1)[name] if not EXPECTED[name].exact else others[name]
    for channel, other, seed in zip(world.channels[name], others[name], seeds, strict=True):
        weights = matrix_of(channel, items)
        moved = matrix_of(other, items)[np.ix_(place, place)]
        assert other.name == channel.name
        if EXPECTED[name].exact:
            np.testing.assert_allclose(moved, weights, atol=2e-4 * scale(weights))
        else:
            likeness = np.corrcoef(moved.ravel(), weights.ravel())[0, 1]
            assert likeness > 0.2
            assert likeness > np.corrcoef(matrix_of(seed, items).ravel(), weights.ravel())[0, 1] - 0.15


@each
def test_held_out_interactions_change_nothing(
    world: World,
    rows_at_random: Callable[..., Any],
    held_out_changed: Callable[..., Snapshot],
    bytes_of: Callable[[Channel], list[Any]],
    name: str,
) -> None:
    """The same bytes with other validation and test parts, with none, and with the unseen items in them."""
    for unseen in (False, True):
        rows = [*rows_at_random(world.snapshot, "test", 4, unseen)]
        other = held_out_changed(world.snapshot, rows, ("valid", "test"))
        changed = replace(
            world, snapshot=other, given={n: m for n, m in world.channels.items() if n not in _made(name)}
        )
        for channel, again in zip(world.channels[name], changed.channels[name], strict=True):
            assert bytes_of(channel) == bytes_of(again)


def _made(name: str) -> set[str]:
    """A family and what it is made from."""
    known = {kind.name: kind for kind in builders().lookup_dict.values()}
    return {name}.union(*(_made(other) for other in known[name].after))


@each
def test_a_part_less_a_fold_is_a_snapshot_less_the_fold(
    world: World, held_out_changed: Callable[..., Snapshot], matrix_of: Callable[..., NDArray[np.float32]], name: str
) -> None:
    """What a fold holds out reaches the channels of the rest no more than if it had never been there."""
    train = world.part.train
    rng = np.random.default_rng(2)
    out = rng.random(train.nnz) < 0.15
    rows = np.repeat(np.arange(train.shape[0]), np.diff(train.indptr))
    held_out = sp.csr_array((train.data[out], (rows[out], train.indices[out])), shape=train.shape)
    times = world.part.times
    assert times is not None
    kept = [(int(u), int(i), int(t), "train") for u, i, t in zip(rows[~out], train.indices[~out], times.data[~out])]
    smaller = replace(world, snapshot=held_out_changed(world.snapshot, kept, ("train", "valid", "test")))
    families = _made(name)
    rest: Part = world.part.without(held_out)
    config = world.config.model_copy(update={"channels": tuple(sorted(families))})
    some = chosen(config.channels, ())
    first = build(rest, some, Context(config))
    second = build(smaller.part, some, Context(config))
    assert [one.name for one in first] == [one.name for one in second]
    for one, other in zip(first, second):
        weights = matrix_of(one, world.part.num_items)
        np.testing.assert_allclose(weights, matrix_of(other, world.part.num_items), atol=1e-6 * scale(weights))


@each
def test_saved_and_loaded_scores_are_the_same(world: World, tmp_path: Any, name: str) -> None:
    channels = world.channels[name]
    gates = Gates({one.name: Gate(1.0, -0.2, 0.1) for one in channels}, (0.1, 0.0, 0.2))
    degree = world.part.item_degree
    flow = Flow(channels, (gates,), Catalogue(degree, np.zeros(len(degree))), world.config, {}, 0)
    save_flow(flow, tmp_path)
    loaded = load_flow(tmp_path)
    batch = histories(world.part.num_items, 5, seed=9)
    first = flow.scorer(world.snapshot).score(batch)
    assert loaded.scorer(world.snapshot).score(batch).tobytes() == first.tobytes()
    for channel, other in zip(channels, loaded.channels):
        for factor in other.factors:
            array = factor.data if sp.issparse(factor) else factor
            assert mapped(array)
        np.testing.assert_array_equal(channel.weights(np.arange(60), 4), other.weights(np.arange(60), 4))
