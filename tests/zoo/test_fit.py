from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import DataError, RecipeError, StaleError, UserError
from kgrec.zoo import fit_zoo, load_zoo
from kgrec.zoo.base import PairBatch, ZooModel
from kgrec.zoo.data import ZooData
from kgrec.zoo.lightgcn import LightGCN, LightGCNConfig
from kgrec.zoo.registry import zoo_class
from kgrec.zoo.scorers import MANIFEST, TENSORS


class Own(ZooModel):
    """Plain matrix factorisation: what a reader would add."""

    name = "MF"

    def __init__(self, data: ZooData, config: object, seed: int = 0) -> None:
        super().__init__(data, config, seed)  # type: ignore[arg-type]
        self.user, self.item = (nn.Parameter(0.1 * torch.randn(n, 8)) for n in (data.num_users, data.num_items))

    def forward(self) -> tuple[Tensor, Tensor]:
        return self.user, self.item

    def embeddings(self) -> tuple[Tensor, Tensor]:
        return self.user, self.item


def test_a_class_of_ones_own_is_taken(planted: Snapshot) -> None:
    result = fit_zoo(Own, planted, {"epochs": 30, "learning_rate": 0.05})
    assert result.scorer.name == "MF"
    assert result.val_ndcg is not None
    assert result.val_ndcg > 0.2
    assert all(row["cpu_seconds"] > 0 for row in result.history)
    assert result.cpu_seconds > sum(row["cpu_seconds"] for row in result.history)


def test_stops_when_it_gets_no_better(planted: Snapshot) -> None:
    result = fit_zoo("LightGCN", planted, {"epochs": 300, "learning_rate": 0.05, "patience": 3})
    assert len(result.history) == result.epoch + 3 < 300


@pytest.mark.parametrize("name", ["lightgcn", "Light-GCN", "light_gcn"])
def test_names_without_case_and_dashes(name: str) -> None:
    assert zoo_class(name) is LightGCN


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("LigthGCN", {}, "did you mean 'LightGCN'"),
        ("zebra", {}, "known: LightGCN"),
        ("LightGCN", {"layer": 2}, "did you mean 'layers'"),
        ("LightGCN", {"layers": -1}, "a setting of LightGCN"),
    ],
)
def test_faults_name_the_remedy(tiny: Snapshot, name: str, settings: dict[str, int], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        fit_zoo(name, tiny, settings)


def test_no_training_interactions(tiny: Snapshot) -> None:
    with pytest.raises(DataError, match="no training interactions"):
        fit_zoo("LightGCN", replace(tiny, interactions=tiny.pairs("valid")))


def test_a_feature_with_nan_names_its_node(tiny: Snapshot) -> None:
    matrix = np.ones((2, 3), dtype=np.float32)
    matrix[1, 2] = np.nan
    with pytest.raises(DataError, match="urn:Tag/1"):
        fit_zoo("LightGCN", tiny, text={"Tag": (matrix, np.ones(2, dtype=np.bool_))})


def test_numbers_that_explode_are_told(tiny: Snapshot) -> None:
    with pytest.raises(RecipeError, match="learning_rate"):
        fit_zoo("LightGCN", tiny, {"learning_rate": 1e30, "epochs": 5})


def test_unknown_device(tiny: Snapshot) -> None:
    with pytest.raises(UserError, match="no such device"):
        fit_zoo("LightGCN", tiny, device="toaster")


def test_damaged_files_are_told(tiny: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(StaleError, match="no trained model here"):
        load_zoo(tmp_path, tiny)
    fit_zoo("LightGCN", tiny, {"epochs": 1}, folder=tmp_path)
    (tmp_path / TENSORS).write_bytes(b"x" * 40)
    with pytest.raises(StaleError, match="damaged"):
        load_zoo(tmp_path, tiny)
    (tmp_path / MANIFEST).write_text('{"format": 0}')
    with pytest.raises(StaleError, match="format"):
        load_zoo(tmp_path, tiny)


def test_loss_is_bpr_with_l2(tiny: Snapshot) -> None:
    torch.manual_seed(0)
    model = LightGCN(ZooData.of(tiny), LightGCNConfig(dim=4, layers=0, l2=0.3))
    user, item = (part.detach().numpy().astype(float) for part in model())
    pairs = [(0, 0, 2), (1, 1, 3), (2, 0, -1)]
    expected = 0.0
    for u, i, j in pairs:
        negative = item[max(j, 0)]
        if j >= 0:
            expected += np.log1p(np.exp(-(user[u] @ (item[i] - negative)))) / 3
        expected += 0.3 * (user[u] @ user[u] + item[i] @ item[i] + negative @ negative) / 2 / 3
    batch = PairBatch(*(torch.tensor(column) for column in zip(*pairs, strict=True)))
    np.testing.assert_allclose(model.loss(batch).item(), expected, rtol=1e-5)


def test_batches_cover_the_pairs_and_negatives_are_unknown(planted: Snapshot) -> None:
    data = ZooData.of(planted)
    model = LightGCN(data, LightGCNConfig(batch_size=100), seed=3)
    known = set(zip(data.users.tolist(), data.items.tolist(), strict=True))
    read, drawn = [], []
    for batch in model.batches(0):
        assert len(batch.user) <= 100
        read += list(zip(batch.user.tolist(), batch.item.tolist(), strict=True))
        drawn += list(zip(batch.user.tolist(), batch.negative.tolist(), strict=True))
    assert sorted(read) == sorted(known)
    assert not known & set(drawn)


def test_triples_are_distinct_and_leave_users_out(build: object, tiny: Snapshot) -> None:
    data = ZooData.of(tiny)
    # Items 0-3, Maker 4, Tags 5-6; relations about, by, near.
    assert data.relations == ("about", "by", "near")
    assert data.triples.tolist() == [[0, 0, 5], [0, 0, 6], [0, 2, 6], [1, 0, 5], [1, 1, 4], [3, 1, 4], [4, 0, 6]]
    assert data.both_ways()[7:].tolist() == [[t, r + 3, h] for h, r, t in data.triples.tolist()]
    twice = build(  # type: ignore[operator]
        {"Item": 2, "Tag": 1, "User": 2},
        [(0, 0, "train")],
        [("Item", 0, "a", "Tag", 0), ("Item", 0, "a", "Tag", 0), ("User", 0, "knows", "User", 1)],
    )
    assert ZooData.of(twice).triples.tolist() == [[0, 0, 2]]
    assert ZooData.of(twice).relations == ("a",)


def test_loading_and_scoring_need_no_torch(tiny: Snapshot, tmp_path: Path) -> None:
    fit_zoo("KGCN", tiny, {"epochs": 1}, folder=tmp_path / "model")
    tiny.write(tmp_path)
    program = (
        "import sys, numpy as np\n"
        "from kgrec.dataset.snapshot import Snapshot\n"
        "from kgrec.zoo import ZOO, load_zoo\n"
        f"snapshot = Snapshot.open({str(tmp_path)!r})\n"
        f"scorer = load_zoo({str(tmp_path / 'model')!r}, snapshot)\n"
        "assert scorer.score(snapshot.matrix('train'), np.arange(3)).any()\n"
        "assert 'KGCN' in ZOO and 'torch' not in sys.modules, 'torch'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
