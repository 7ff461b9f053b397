"""The benchmark of explanations against the size of the graph, at a tiny one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.explanations.growth import answer, keep, main, make, measure, pair_of, size_of
from kgrec.dataset.snapshot import Snapshot
from kgrec.explain.causal import CausalExplainer
from kgrec.flow import Flow, FlowConfig

EDGES = 20_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is fitted, where the benchmark looks for it."""
    found = tmp_path_factory.mktemp("growth") / str(EDGES)
    make(found, EDGES, FlowConfig(dim=6, epochs=2, neighbours=20))
    return found


def test_sizes_draw_as_many_edges_as_they_are_called_after() -> None:
    for edges in (EDGES, 1_000_000):
        size = size_of(edges)
        assert edges <= size["interactions"] + size["triples"] <= 1.2 * edges


def test_what_was_fitted_is_kept(folder: Path) -> None:
    before = (folder / "made.json").stat().st_mtime_ns
    make(folder, EDGES)
    assert (folder / "made.json").stat().st_mtime_ns == before


def test_a_pair_is_of_one_list_and_gets_everything(folder: Path) -> None:
    snapshot = Snapshot.open(folder / "snapshot")
    scorer = Flow.load(folder / "model").scorer(snapshot)
    explainer = CausalExplainer(snapshot, scorer, candidates=snapshot.interacted())
    necessary = []
    for user in (3, 500):
        pair = pair_of(explainer, user, 0)
        assert pair == pair_of(explainer, user, 0)
        assert pair[0] == str(user)
        found = json.loads(answer(explainer, pair))
        listed = explainer.scored(user)
        ranks = [listed.ranking.place(listed.scores, snapshot.item_id(item)) for item in pair[1:]]
        assert found["rank"] == ranks[0]
        assert max(ranks) <= 10
        assert found["paths"]
        assert {"effect", "share", "rank_without"} <= set(found["paths"][0])
        # who is in the list by popularity alone is there whatever is taken away
        without = listed.score(listed.person.items.tolist())
        necessary.append(found["necessary"])
        assert found["necessary"] or listed.ranking.place(without, snapshot.item_id(pair[1])) <= 10
        assert found["sufficient"] is not None  # empty where popularity alone is enough
        assert found["contrast"]["instead_of"] == pair[2]
    assert any(necessary)


def test_the_whole_benchmark(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = measure(folder, 4, 0)
    assert row["pairs"] == 4
    assert 0 < row["cpu_p50_ms"] <= row["cpu_p95_ms"]
    assert 0 < row["first_peak_gb"] <= row["peak_gb"]
    out = tmp_path / "growth.json"
    out.write_text(json.dumps({"sizes": [1]}))
    keep(out, {**row, "drawn": 10**9})
    options = ["--edges", str(EDGES), "--work", str(folder.parent), "--pairs", "3", "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["growth", *options])
    assert main() == 0
    content = json.loads(out.read_text())
    assert content["sizes"] == [1]
    assert [one["drawn"] for one in content["explanations"]] == [EDGES, 10**9]
    assert content["explanations"][0]["pairs"] == 3
    assert np.isfinite(content["explanations"][0]["p95_ms"])
    assert f"{row['edges']:,} edges" in capsys.readouterr().out
