from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
import torch

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import RecipeError
from kgrec.zoo import fit_zoo, load_zoo, sasrec_scorer
from kgrec.zoo.data import ZooData
from kgrec.zoo.sasrec import SASRec, SASRecConfig
from kgrec.zoo.sequences import Sequences


def model_of(snapshot: Snapshot, **settings: object) -> SASRec:
    torch.manual_seed(0)
    model = SASRec(ZooData.of(snapshot), SASRecConfig(dim=8, **settings)).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        for part in model.parameters():
            part.add_(0.3 * torch.randn(part.shape))
    return model


def row(items: list[int], count: int) -> sp.csr_array:
    dense = np.zeros((1, count), dtype=np.float32)
    dense[0, items] = 1
    return sp.csr_array(dense)


def test_sequences_go_by_time_then_id(tiny: Snapshot) -> None:
    times = {(0, 0): 9, (0, 1): 5, (1, 1): None, (1, 2): 1, (2, 0): 4, (2, 1): 4}
    pairs = tiny.interactions.with_columns(
        timestamp=pl.Series([times.get((u, i), 0) for u, i in tiny.interactions.select("user", "item").iter_rows()])
    )
    sequences = Sequences.of_training(replace(tiny, interactions=pairs))
    assert [sequences.of(user).tolist() for user in range(3)] == [[1, 0], [1, 2], [0, 1]]


def test_numpy_gives_what_torch_gives(planted: Snapshot) -> None:
    for length in (2, 5, 50):
        model = model_of(planted, length=length)
        users = np.arange(planted.num_users)
        sequences = Sequences.of_training(planted)
        expected = np.zeros((planted.num_users, planted.num_items), dtype=np.float32)
        with torch.no_grad():
            for user in users:
                ids = torch.tensor([[model.start, *sequences.of(int(user))][-length:]])
                expected[user] = model(ids)[0, -1] @ model.item[: model.start].T + model.bias
        served = model.scorer().score(planted.matrix("train"), users)
        np.testing.assert_allclose(served, expected, rtol=1e-4, atol=1e-4)
        assert served.std() > 0.1


def test_no_place_sees_a_later_one(planted: Snapshot) -> None:
    model = model_of(planted)
    ids = torch.tensor([[60, 3, 8, 1, 5]])
    other = ids.clone()
    other[0, 3:] = torch.tensor([40, 2])
    with torch.no_grad():
        one, two = model(ids), model(other)
    torch.testing.assert_close(one[:, :3], two[:, :3])
    assert not torch.allclose(one[:, 3:], two[:, 3:])


def test_pieces_hold_the_sequences_in_order(planted: Snapshot) -> None:
    model = model_of(planted, length=4, batch_size=50)
    seen = set()
    for batch in model.batches(0):
        assert batch.ids.shape[1] <= 4
        for ids, following in zip(batch.ids.tolist(), batch.following.tolist(), strict=True):
            kept = [n for n in following if n >= 0]
            # What follows a place is the next place's id.
            assert ids[1 : len(kept)] == kept[:-1]
            seen.add((ids[0], *kept))
    wholes = [(60, *model.sequences.of(user).tolist()) for user in range(planted.num_users)]
    assert len(seen) == len(wholes)
    assert all(any(piece == whole[n : n + 5] for whole in wholes for n in range(len(whole))) for piece in seen)


def test_the_order_counts_and_is_learned(build: object) -> None:
    """Items follow one another round a ring of twelve: the next one is known from the last one alone."""
    rng = np.random.default_rng(0)
    rows, times = [], {}
    for user in range(80):
        first = int(rng.integers(12))
        for step in range(7):
            item = (first + step) % 12
            rows.append((user, item, "valid" if step == 6 else "train"))
            times[user, item] = step
    snapshot: Snapshot = build({"Item": 12, "User": 80}, rows)  # type: ignore[operator]
    ordered = pl.Series([times[pair] for pair in snapshot.interactions.select("user", "item").iter_rows()])
    snapshot = replace(snapshot, interactions=snapshot.interactions.with_columns(timestamp=ordered))
    settings = {"dim": 16, "epochs": 60, "learning_rate": 0.01, "dropout": 0.1, "batch_size": 128}
    result = fit_zoo("SASRec", snapshot, settings)
    assert result.val_ndcg is not None
    assert result.val_ndcg > 0.9


def test_histories_of_strangers_and_edited_ones(tiny: Snapshot) -> None:
    newest_first = tiny.interactions.with_columns(timestamp=-pl.col("timestamp"))
    scorer = model_of(replace(tiny, interactions=newest_first)).scorer()
    both, swapped = row([0, 1], 4), scorer.encode(np.array([[4, 1, 0]]))[0, -1]
    plain = scorer.encode(np.array([[4, 0, 1]]))[0, -1]
    items, bias = scorer.weights["item"][:4], scorer.weights["bias"]
    # User 0 met item 1 first; of a stranger nothing is known but the ids.
    np.testing.assert_allclose(scorer.score(both, np.array([0]))[0], items @ swapped + bias, atol=1e-5)
    np.testing.assert_allclose(scorer.score(both)[0], items @ plain + bias, atol=1e-5)
    np.testing.assert_allclose(scorer.score(both, np.array([-1]))[0], items @ plain + bias, atol=1e-5)
    edited = scorer.encode(np.array([[4, 1, 0, 3]]))[0, -1]
    np.testing.assert_allclose(scorer.score(row([0, 1, 3], 4), np.array([0]))[0], items @ edited + bias, atol=1e-5)
    shorter = scorer.encode(np.array([[4, 0]]))[0, -1]
    np.testing.assert_allclose(scorer.score(row([0], 4), np.array([0]))[0], items @ shorter + bias, atol=1e-5)
    empty = scorer.encode(np.array([[4]]))[0, -1]
    np.testing.assert_allclose(scorer.score(row([], 4), np.array([0]))[0], items @ empty + bias, atol=1e-5)
    assert scorer.score(sp.csr_array((0, 4), dtype=np.float32)).shape == (0, 4)


def test_blocks_do_not_change_scores(planted: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = model_of(planted).scorer()
    whole = scorer.score(planted.matrix("train"), np.arange(90))
    monkeypatch.setattr(sasrec_scorer, "CELLS", 300)
    np.testing.assert_allclose(scorer.score(planted.matrix("train"), np.arange(90)), whole, rtol=1e-4, atol=1e-5)


def test_saved_ones_read_strangers_alike(planted: Snapshot, tmp_path: Path) -> None:
    result = fit_zoo("SASRec", planted, {"dim": 8, "epochs": 2, "heads": 4}, folder=tmp_path)
    histories = planted.matrix("train")[:5]
    loaded = load_zoo(tmp_path, planted).score(histories)
    np.testing.assert_array_equal(result.scorer.score(histories), loaded)
    assert loaded.any()


def test_heads_divide_the_dimension(planted: Snapshot) -> None:
    with pytest.raises(RecipeError, match="dim must be a multiple of heads"):
        fit_zoo("SASRec", planted, {"dim": 7})
