"""Lists for known users, for a history alone, and for everybody."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import StorageError, UnknownIdError, UserError
from kgrec.recommend import blocks, recommend, recommend_all, recommend_history
from kgrec.recommend.linear import LinearScorer, Propagation
from kgrec.recommend.nodes import node_vectors


class Fixed:
    """Film scores 4, 3, 2, 1, plus 10 for what is in the history."""

    name = "fixed"

    def score(self, histories: sp.csr_array, users: np.ndarray | None = None) -> np.ndarray:
        return (10 * histories.toarray() + [4, 3, 2, 1]).astype(np.float32)


def items(frame: pl.DataFrame, user: str) -> list[str]:
    return frame.filter(pl.col("user") == user).sort("rank")["item"].to_list()


def test_train_and_valid_are_left_out_test_is_not(snapshot: Snapshot) -> None:
    frame = recommend(Fixed(), snapshot, ["ann", "urn:x:User/bob"], k=10)
    assert frame.columns == ["user", "rank", "item", "label", "score"]
    assert items(frame, "ann") == ["12", "été"]
    assert items(frame, "bob") == ["10", "11", "été"]
    assert frame["rank"].to_list() == [1, 2, 1, 2, 3]
    assert frame["label"].to_list() == ["Twelve", "été", "Ten", "Eleven", "été"]
    assert frame["score"].to_list() == [2, 1, 4, 3, 1]


def test_seen_is_a_choice(snapshot: Snapshot) -> None:
    assert items(recommend(Fixed(), snapshot, ["ann"], seen=("train", "valid", "test")), "ann") == ["été"]
    # scored from the training history: 10 has its bonus, what is held out has not
    assert items(recommend(Fixed(), snapshot, ["ann"], include_seen=True), "ann") == ["10", "11", "12", "été"]


def test_k_and_candidates(snapshot: Snapshot) -> None:
    mask = np.array([True, False, True, True])
    assert items(recommend(Fixed(), snapshot, ["cy"], k=2, candidates=mask), "cy") == ["10", "12"]


def test_unknown_user_names_the_nearest(snapshot: Snapshot) -> None:
    with pytest.raises(UnknownIdError, match=r"no user.*'bbo'[\s\S]*bob"):
        recommend(Fixed(), snapshot, ["ann", "bbo"])


def test_history_alone(snapshot: Snapshot) -> None:
    frame = recommend_history(Fixed(), snapshot, ["12", "urn:x:Film/12"], user="new")
    assert items(frame, "new") == ["10", "11", "été"]
    frame = recommend_history(Fixed(), snapshot, ["12"], include_seen=True)
    assert frame["item"].to_list() == ["12", "10", "11", "été"]
    assert frame["score"][0] == 12
    assert recommend_history(Fixed(), snapshot, [])["item"].to_list() == ["10", "11", "12", "été"]
    with pytest.raises(UnknownIdError, match=r"no item.*'99'"):
        recommend_history(Fixed(), snapshot, ["99"])


def test_a_known_users_history_gives_their_list(snapshot: Snapshot) -> None:
    known = recommend(Fixed(), snapshot, ["bob"]).drop("user")
    assert recommend_history(Fixed(), snapshot, ["12"]).drop("user").equals(known)


def test_all_equals_each(snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = recommend(Fixed(), snapshot, ["ann", "bob", "cy"], k=2)
    assert recommend_all(Fixed(), snapshot, tmp_path / "a.parquet", k=2) == 6
    assert pl.read_parquet(tmp_path / "a.parquet").equals(together)
    # one user a block
    monkeypatch.setattr("kgrec.recommend.lists.blocks", lambda rows, width: blocks.blocks(rows, width, cells=1))
    recommend_all(Fixed(), snapshot, tmp_path / "b.parquet", k=2)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]


def test_all_into_a_missing_folder(snapshot: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="folder does not exist"):
        recommend_all(Fixed(), snapshot, tmp_path / "no" / "a.parquet")


def test_a_failed_write_leaves_the_earlier_file(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").mkdir()  # cannot be replaced by a file
    with pytest.raises(StorageError, match="cannot be written"):
        recommend_all(Fixed(), snapshot, tmp_path / "a.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_equals_stand_in_the_order_of_ids(snapshot: Snapshot) -> None:
    class Equal(Fixed):
        def score(self, histories: sp.csr_array, users: np.ndarray | None = None) -> np.ndarray:
            return np.tile(np.float32([1.0, 1.0 + 9e-7, 1.0 + 4e-7, 2.0]), (histories.shape[0], 1))

    assert recommend(Equal(), snapshot, ["cy"])["item"].to_list() == ["été", "10", "11", "12"]


# --- other node types


@pytest.fixture
def linear(snapshot: Snapshot) -> LinearScorer:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(9, 3)).astype(np.float32)
    x[6:] = 0
    kinds = [("Film", "genre", "Genre"), ("User", "interacts", "Film")]
    weights = {
        "layer_weights": np.array([0.5, 1.0, 0.25]),
        "forward": np.array([0.7, 0.9]),
        "reverse": np.array([0.4, 1.1]),
    }
    return LinearScorer(Propagation.of(snapshot, name="linear", x=x, edge_types=kinds, **weights))


def test_item_vectors_are_the_serving_ones(snapshot: Snapshot, linear: LinearScorer) -> None:
    vectors = node_vectors(linear.propagation, snapshot, "Film")
    np.testing.assert_allclose(vectors, linear.propagation.target, atol=1e-6)


def test_other_types_are_ranked_by_inner_product(snapshot: Snapshot, linear: LinearScorer) -> None:
    p = linear.propagation
    a = p.adjacency(snapshot).toarray()
    z = sum(w * np.linalg.matrix_power(a, power) @ p.x for power, w in enumerate(p.layer_weights))
    frame = recommend(linear, snapshot, ["ann"], node_type="Genre", k=5)
    expected = z[4:6] @ z[6]
    assert frame["item"].to_list() == [
        f"urn:x:Genre/{name}" for name in np.array(["Comedy", "Drama"])[expected.argsort()[::-1]]
    ]
    np.testing.assert_allclose(frame["score"], np.sort(expected)[::-1], rtol=1e-5)


def test_users_are_not_recommended_to_themselves(snapshot: Snapshot, linear: LinearScorer) -> None:
    frame = recommend(linear, snapshot, ["ann", "bob"], node_type="User")
    assert set(items(frame, "ann")) == {"bob", "cy"}
    assert set(items(frame, "bob")) == {"ann", "cy"}


def test_type_mistakes(snapshot: Snapshot, linear: LinearScorer) -> None:
    with pytest.raises(UserError, match=r"'Genr'[\s\S]*did you mean 'Genre'"):
        recommend(linear, snapshot, ["ann"], node_type="Genr")
    with pytest.raises(UserError, match="fixed ranks items only"):
        recommend(Fixed(), snapshot, ["ann"], node_type="Genre")
