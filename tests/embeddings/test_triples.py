from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kgrec.embeddings.triples import contains, dense, split

ids = st.integers(0, 12)
some_triples = st.lists(st.tuples(ids, st.integers(0, 3), ids), max_size=60)


def array(rows: list[tuple[int, int, int]]) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def rows_of(triples: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(row) for row in triples.tolist()}


@given(some_triples)
def test_dense_ids_lead_back_to_the_distinct_triples(rows) -> None:
    triples, entities, relations = dense(array(rows))
    assert len(triples) == len(set(rows))
    back = {(int(entities[h]), int(relations[r]), int(entities[t])) for h, r, t in triples.tolist()}
    assert back == set(rows)
    assert set(triples[:, [0, 2]].ravel().tolist()) == set(range(len(entities)))
    assert set(triples[:, 1].tolist()) == set(range(len(relations)))


@given(some_triples, st.floats(0.01, 0.4), st.floats(0.01, 0.4), st.integers(0, 9))
def test_parts_are_disjoint_complete_and_leave_nothing_unseen_in_training(rows, valid, test, seed) -> None:
    triples = dense(array(rows))[0]
    parts = split(triples, valid, test, np.random.default_rng(seed))
    assert len(parts.train) + len(parts.valid) + len(parts.test) == len(triples)
    assert rows_of(parts.train) | rows_of(parts.valid) | rows_of(parts.test) == rows_of(triples)
    assert set(parts.train[:, [0, 2]].ravel()) == set(triples[:, [0, 2]].ravel())
    assert set(parts.train[:, 1]) == set(triples[:, 1])
    assert len(parts.valid) <= round(valid * len(triples))
    assert len(parts.test) <= round(test * len(triples))


def test_the_shares_are_met_where_there_are_triples_enough() -> None:
    everything = array([(h, r, t) for h in range(10) for r in range(2) for t in range(10)])
    parts = split(everything, 0.1, 0.2, np.random.default_rng(0))
    assert (len(parts.train), len(parts.valid), len(parts.test)) == (140, 20, 40)


def test_a_star_can_spare_nothing() -> None:
    parts = split(array([(0, 0, leaf) for leaf in range(1, 30)]), 0.1, 0.1, np.random.default_rng(0))
    assert len(parts.train) == 29


@given(some_triples, some_triples)
def test_contains_agrees_with_a_set(known, asked) -> None:
    assert contains(array(known), array(asked)).tolist() == [row in set(known) for row in asked]
