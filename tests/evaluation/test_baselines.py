"""Every baseline finds the obvious answer; each one's formula against a plain computation."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from implicit.nearest_neighbours import CosineRecommender
from pydantic import ValidationError

from kgrec.errors import RecipeError
from kgrec.evaluation.baselines import (
    BASELINES,
    EASE,
    IALS,
    CannotFitError,
    ItemKNN,
    Popularity,
    RP3beta,
    make_baseline,
)
from kgrec.recommend import top_k

# Two groups of users with tastes of their own; user 0 lacks item 2 and user 5 lacks item 6 of their group.
OBVIOUS = np.kron(np.eye(2), np.ones((5, 4))).astype(np.float32)
OBVIOUS[0, 2] = OBVIOUS[5, 6] = 0
LEARNERS = [name for name in BASELINES if name != "Popularity"]


def matrix_of(dense: np.ndarray) -> sp.csr_array:
    return sp.csr_array(dense.astype(np.float32))


def random_matrix(seed: int, users: int, items: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random((users, items)) < rng.uniform(0.1, 0.6)).astype(np.float32)


@pytest.mark.parametrize("name", LEARNERS)
def test_the_obvious_item_comes_first(name: str) -> None:
    matrix = matrix_of(OBVIOUS)
    settings = {"name": name} | ({"factors": 2, "regularization": 0.1} if name == "iALS" else {})
    scorer = make_baseline(settings | ({"l2": 1.0} if name == "EASE" else {})).fit(matrix)
    ids, _ = top_k(scorer.score(matrix), 1, exclude=matrix)
    assert ids[0] == 2
    assert ids[5] == 6
    # somebody new with one item is led to that item's group
    new = matrix_of(np.eye(8)[[0, 7]])
    ids, _ = top_k(scorer.score(new), 3, exclude=new)
    assert set(ids[0]) == {1, 2, 3}
    assert set(ids[1]) == {4, 5, 6}


def test_popularity_counts() -> None:
    scores = Popularity().fit(matrix_of(np.array([[1, 0, 1], [0, 0, 1]]))).score(matrix_of(np.zeros((2, 3))))
    assert scores.tolist() == [[1, 0, 2]] * 2


@pytest.mark.parametrize("name", BASELINES)
class TestEvery:
    """What holds for all of them."""

    def test_shape_type_and_the_same_twice(self, name: str) -> None:
        matrix = matrix_of(random_matrix(3, 12, 9))
        scores = [make_baseline({"name": name}).fit(matrix, seed=7).score(matrix[:4]) for _ in range(2)]
        assert scores[0].shape == (4, 9)
        assert scores[0].dtype == np.float32
        np.testing.assert_array_equal(*scores)

    @pytest.mark.parametrize("shape", [(12, 9), (9, 12)])
    def test_a_row_does_not_depend_on_its_batch(self, name: str, shape: tuple[int, int]) -> None:
        matrix = matrix_of(random_matrix(4, *shape))
        scorer = make_baseline({"name": name}).fit(matrix)
        whole = scorer.score(matrix)
        for user in range(len(whole)):
            np.testing.assert_allclose(scorer.score(matrix[[user]])[0], whole[user], atol=1e-6)

    def test_an_empty_history_scores_nothing(self, name: str) -> None:
        matrix = matrix_of(random_matrix(5, 10, 8))
        scores = make_baseline({"name": name}).fit(matrix).score(sp.csr_array((2, 8), dtype=np.float32))
        if name == "Popularity":
            np.testing.assert_array_equal(scores, np.tile(matrix.sum(axis=0), (2, 1)))
        else:
            assert not scores.any()

    @pytest.mark.parametrize("shape", [(1, 1), (4, 1), (1, 3)])
    def test_a_single_item_or_user(self, name: str, shape: tuple[int, int]) -> None:
        matrix = matrix_of(np.ones(shape))
        scores = make_baseline({"name": name}).fit(matrix).score(matrix)
        assert scores.shape == shape
        assert np.isfinite(scores).all()

    def test_items_and_users_without_interactions(self, name: str) -> None:
        dense = random_matrix(6, 10, 8)
        dense[:, 3] = dense[2] = 0
        matrix = matrix_of(dense)
        scores = make_baseline({"name": name}).fit(matrix).score(matrix)
        assert np.isfinite(scores).all()
        np.testing.assert_allclose(scores[:, 3], 0, atol=1e-6)

    def test_order_of_rows_and_columns_does_not_matter(self, name: str) -> None:
        rng = np.random.default_rng(8)
        dense = random_matrix(7, 30, 12)
        users, items = rng.permutation(30), rng.permutation(12)
        # so many sweeps that the random start of iALS no longer shows in its scores
        baseline = make_baseline({"name": name} | ({"iterations": 200, "factors": 3} if name == "iALS" else {}))
        scores = baseline.fit(matrix_of(dense)).score(matrix_of(dense))
        moved = matrix_of(dense[users][:, items])
        np.testing.assert_allclose(baseline.fit(moved).score(moved), scores[users][:, items], rtol=1e-3, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), users=st.integers(2, 15), items=st.integers(2, 15), l2=st.floats(0.5, 300))
def test_ease_is_its_formula_from_either_side(seed: int, users: int, items: int, l2: float) -> None:
    x = random_matrix(seed, users, items).astype(np.float64)
    p = np.linalg.inv(x.T @ x + l2 * np.eye(items))
    b = -p / np.diag(p)
    np.fill_diagonal(b, 0)
    history = random_matrix(seed + 1, 3, items)
    scores = EASE(l2=l2).fit(matrix_of(x)).score(matrix_of(history))
    np.testing.assert_allclose(scores, history @ b, atol=1e-5)


def test_ease_refuses_what_is_too_large() -> None:
    with pytest.raises(CannotFitError, match="8 × 8; max_side allows 7"):
        EASE(max_side=7).fit(matrix_of(OBVIOUS))


def test_without_implicit_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit.nearest_neighbours", None)  # as if it were not installed
    with pytest.raises(CannotFitError, match=r"pip install 'kgrec\[train\]'"):
        ItemKNN().fit(matrix_of(OBVIOUS))


def test_importing_is_light() -> None:
    heavy = "{'torch', 'implicit', 'pykeen', 'matplotlib'}"
    code = f"import sys, kgrec.evaluation, kgrec.recommend; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_item_knn_is_implicits() -> None:
    matrix = matrix_of(random_matrix(11, 40, 15))
    theirs = CosineRecommender(K=6)
    with pytest.warns(match="expects CSR input"):
        theirs.fit(sp.csr_matrix(matrix), show_progress=False)
    ids, scores = theirs.recommend(np.arange(40), sp.csr_matrix(matrix), N=3)
    ours = ItemKNN(k=5, similarity="cosine").fit(matrix).score(matrix)
    known = scores > 0  # implicit fills up with items it has no score for
    rows = np.arange(40)[:, None]
    np.testing.assert_allclose(ours[rows, ids][known], scores[known], rtol=1e-6)
    best = -np.sort(-np.where(matrix.toarray() > 0, 0, ours), axis=1)[:, :3]
    np.testing.assert_allclose(best[known], scores[known], rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 9), alpha=st.floats(0, 2), beta=st.floats(0, 1))
def test_rp3beta_is_its_formula(seed: int, k: int, alpha: float, beta: float) -> None:
    x = random_matrix(seed, 12, 8).astype(np.float64)
    of_user, of_item = np.maximum(x.sum(axis=1), 1), np.maximum(x.sum(axis=0), 1)
    w = np.zeros((8, 8))
    for i in range(8):
        for j in range(8):
            if i != j:
                both = x[:, i] * x[:, j]
                w[i, j] = (both * of_user**-alpha).sum() * of_item[i] ** -alpha * of_item[j] ** -beta
    # as float32, where equal walks stay equal, the k-th place is decided by id
    w = w.astype(np.float32)
    for i in range(8):
        w[i, np.lexsort((np.arange(8), -w[i].round(6)))[k:]] = 0
    ours = RP3beta(alpha=alpha, beta=beta, k=k).fit(matrix_of(x)).weights.toarray()
    assert (np.count_nonzero(ours, axis=1) <= k).all()
    if w.any():
        w /= w.max()
        np.testing.assert_allclose(np.sort(ours, axis=1), np.sort(w, axis=1), rtol=1e-4, atol=1e-9)
        if k >= 7:  # all are kept: none of two equal ones had to be chosen
            np.testing.assert_allclose(ours, w, rtol=1e-4, atol=1e-9)


def test_ials_folds_in_by_the_normal_equations() -> None:
    matrix = matrix_of(random_matrix(13, 20, 10))
    scorer = IALS(factors=4, alpha=7, regularization=0.5).fit(matrix, seed=1)
    y = scorer.model.item_factors.astype(np.float64)
    history = np.zeros(10)
    history[[1, 4]] = 1
    weight = np.where(history > 0, 7.0, 1.0)
    x = np.linalg.solve(y.T @ (weight[:, None] * y) + 0.5 * np.eye(4), y.T @ (weight * history))
    np.testing.assert_allclose(scorer.score(matrix_of(history[None]))[0], y @ x, rtol=1e-3, atol=1e-4)


def test_names_say_what_was_fixed() -> None:
    matrix = matrix_of(OBVIOUS)
    names = [
        make_baseline(row).fit(matrix).name for row in ({"name": "EASE", "l2": 250.0}, {"name": "ItemKNN", "k": 3})
    ]
    assert names == ["EASE (λ=250)", "ItemKNN (tfidf, k=3)"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"name": "EASY"}, r"no baseline with this name \(got 'EASY'\)[\s\S]*did you mean 'EASE'"),
        ({"name": "zzz"}, r"known: Popularity, ItemKNN"),
        ({"l2": 3}, "a baseline needs a name"),
        ({"name": "iALS", "factor": 3}, r"iALS has no such parameter[\s\S]*did you mean 'factors'"),
        ({"name": "Popularity", "k": 3}, r"Popularity has no such parameter[\s\S]*known here: none"),
        ({"name": "EASE", "l2": -1}, r"evaluation\.baselines\.l2\]: Input should be greater than 0 \(got '-1'\)"),
    ],
)
def test_mistakes_in_the_recipe(row: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        make_baseline(row)


def test_a_baseline_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        EASE().l2 = 3.0  # type: ignore[misc]
