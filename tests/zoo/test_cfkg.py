from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import RecipeError
from kgrec.zoo import fit_zoo, load_zoo, pykeen_scorer
from kgrec.zoo.cfkg import CFKG, CFKGConfig, TripleBatch
from kgrec.zoo.data import ZooData


def model_of(snapshot: Snapshot, **settings: object) -> CFKG:
    torch.manual_seed(0)
    return CFKG(ZooData.of(snapshot), CFKGConfig(dim=5, **settings)).eval()  # type: ignore[arg-type]


def test_scores_and_loss_by_the_equations(tiny: Snapshot) -> None:
    model = model_of(tiny, kg_weight=0.5, l2=0.1)
    e, r = (
        getattr(model.triples, f"{kind}_representations")[0]().detach().numpy().astype(np.float64)
        for kind in ("entity", "relation")
    )
    likes, users, first = r[3], e[7:], 7

    def f(head: int, relation: int, tail: int) -> float:
        return -float(np.linalg.norm(e[head] + r[relation] - e[tail]))

    expected = -np.linalg.norm((users + likes)[:, None] - e[None, :4], axis=2)
    served = model.scorer().score(sp.csr_array((3, 4), dtype=np.float32), np.arange(3))
    np.testing.assert_allclose(served, expected, rtol=1e-5)

    batch = TripleBatch(
        *map(torch.tensor, ([0, 2], [1, 0], [[3, 2], [3, -1]], [[0, 0, 5], [3, 1, 4]], [[1, 2], [6, 0]]))
    )
    terms = [
        -np.log(np.exp(f(first, 3, 1)) / sum(np.exp(f(first, 3, n)) for n in (1, 3, 2))),
        -np.log(np.exp(f(first + 2, 3, 0)) / sum(np.exp(f(first + 2, 3, n)) for n in (0, 3))),
        -np.log(np.exp(f(0, 0, 5)) / sum(np.exp(f(0, 0, n)) for n in (5, 1, 2))),
        -np.log(np.exp(f(3, 1, 4)) / sum(np.exp(f(3, 1, n)) for n in (4, 6, 0))),
    ]
    norms = sum(np.square(e[n]).sum() for n in (7, 9, 1, 0, 3, 3)) / 4
    wanted = np.mean(terms[:2]) + 0.5 * np.mean(terms[2:]) + 0.1 * norms
    assert float(model.loss(batch).detach()) == pytest.approx(wanted, rel=1e-5)


def test_batches_hold_every_pair_once_and_no_known_negative(planted: Snapshot) -> None:
    model = model_of(planted, batch_size=100, negatives=3)
    data, known = model.data, model.data.interactions.toarray() > 0
    facts = {tuple(triple) for triple in data.triples.tolist()}
    pairs = []
    for batch in model.batches(0):
        pairs += list(zip(batch.user.tolist(), batch.item.tolist(), strict=True))
        assert not known[batch.user.numpy()[:, None], batch.others.numpy()].any()
        assert batch.others.shape == batch.tails.shape == (len(batch.user), 3)
        assert {tuple(triple) for triple in batch.facts.tolist()} <= facts
    assert sorted(pairs) == list(zip(data.users.tolist(), data.items.tolist(), strict=True))


@pytest.mark.parametrize("name", ["DistMult", "ComplEx", "RotatE", "TransE"])
def test_any_pykeen_model_serves(name: str, planted: Snapshot, tmp_path: Path) -> None:
    settings = {"model": name, "dim": 8, "epochs": 3, "l2": 1e-3}
    states = torch.random.get_rng_state(), random.getstate()
    result = fit_zoo("CFKG", planted, settings, folder=tmp_path)
    assert torch.equal(states[0], torch.random.get_rng_state())
    assert states[1] == random.getstate()
    users = np.arange(planted.num_users)
    scores = result.scorer.score(planted.matrix("train"), users)
    assert np.isfinite(scores).all()
    assert np.ptp(scores) > 0
    np.testing.assert_array_equal(load_zoo(tmp_path, planted).score(planted.matrix("train"), users), scores)


def test_the_graph_reaches_the_scores(planted: Snapshot) -> None:
    settings = {"dim": 8, "epochs": 2}
    with_graph, without = (fit_zoo("CFKG", planted, {**settings, "kg_weight": w}) for w in (1.0, 0.0))
    histories, users = planted.matrix("train"), np.arange(planted.num_users)
    assert not np.allclose(with_graph.scorer.score(histories, users), without.scorer.score(histories, users))


def test_blocks_do_not_change_scores(planted: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, users = model_of(planted).scorer(), np.array([3, -1, 80, 5])
    whole = scorer.score(planted.matrix("train")[users], users)
    monkeypatch.setattr(pykeen_scorer, "CELLS", 100)
    np.testing.assert_allclose(scorer.score(planted.matrix("train")[users], users), whole, rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "TransEE"}, r"\[model\] PyKEEN has no such model|\[model\]: PyKEEN has no such model"),
        ({"model_kwargs": {"scoring_norm": 1}}, r"\[model_kwargs\]"),
    ],
)
def test_what_pykeen_refuses_is_named(planted: Snapshot, settings: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        fit_zoo("CFKG", planted, settings)
