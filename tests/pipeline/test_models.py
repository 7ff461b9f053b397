"""What a trained model leaves behind, and what of it is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.errors import StaleError
from kgrec.flow.table import channel_table
from kgrec.pipeline.models import canonical, load_scorer

if TYPE_CHECKING:
    from pathlib import Path

    from kgrec.flow import FlowScorer
    from kgrec.pipeline.run import Run


@dataclass(frozen=True)
class Alone:
    """One channel's part of a flow's score."""

    whole: FlowScorer
    channel: str
    name: str = "alone"

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        parts = (part for channel, part in self.whole.parts(histories, users) if channel.name == self.channel)
        return sum(parts, np.zeros(histories.shape, dtype=np.float32))


def test_what_channels_add_is_what_their_removal_takes(small_run: Run) -> None:
    from kgrec.training.validation import Validation
    from kgrec.zoo.fit import validation_ndcg

    snapshot, scorer, table = small_run.snapshot, small_run.scorer, small_run.channels()
    validation = Validation(snapshot)
    assert table["users"] == len(validation.users)
    assert table["ndcg"] == pytest.approx(validation_ndcg(validation, scorer), abs=1e-6)
    names = [channel.name for channel in scorer.flow.channels]
    assert [one["name"] for one in table["channels"]] == names
    for name in ("learned", "kg", "text"):
        row = table["channels"][names.index(name)]
        left = scorer.flow.without(name).scorer(snapshot)
        # taking out a family takes out all its channels: those of `kg` have names of their own
        if [one for one in names if one.startswith(name)] == [name]:
            assert row["without"] == pytest.approx(validation_ndcg(validation, left), abs=2e-3)
        # items that a channel does not reach tie at zero, and lists are filled up with them in no fixed order
        assert row["alone"] == pytest.approx(validation_ndcg(validation, Alone(scorer, name)), abs=5e-3)
    shares = [one["share"] for one in table["channels"]]
    knowledge = [one["share"] for one in table["channels"] if one["knowledge"]]
    assert 0 < sum(shares) <= 1 + 1e-4
    assert table["knowledge"] == pytest.approx(sum(knowledge), abs=1e-4)


def test_without_a_validation_part_nothing_is_measured(small_run: Run) -> None:
    snapshot = small_run.snapshot.refitted()
    table = channel_table(small_run.scorer.flow, snapshot)
    assert (table["users"], table["ndcg"], table["knowledge"]) == (0, None, None)
    assert {one["alone"] for one in table["channels"]} == {None}
    assert all(one["gate"] > 0 for one in table["channels"])


def test_the_ablation_has_no_knowledge(small_run: Run) -> None:
    scorer = load_scorer(small_run.paths.run / "ablation", small_run.snapshot)
    assert scorer.name == "kgrec flow without KG"
    names = {channel.family for channel in scorer.flow.channels}
    assert names
    assert not names & {"kg", "embedding"}
    assert not any(channel.knowledge for channel in scorer.flow.channels)


def test_names_in_any_spelling() -> None:
    assert [canonical(name) for name in ("flow", "Linear", "rgcn", "R-GCN", "sasrec")] == [
        *("flow", "linear", "R-GCN", "R-GCN", "SASRec")
    ]


def test_a_folder_without_a_model(small_run: Run, tmp_path: Path) -> None:
    with pytest.raises(StaleError, match=r"no trained model here\n.*kgrec train"):
        load_scorer(tmp_path, small_run.snapshot)
