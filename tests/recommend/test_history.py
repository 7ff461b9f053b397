"""Histories of people whom no model saw: ids, order, ratings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import DataError, UnknownIdError, UserError
from kgrec.progress import PlainProgress
from kgrec.recommend import History, recommend_history
from kgrec.recommend.history import rating_weights


def rated(snapshot: Snapshot, values: list[float]) -> Snapshot:
    """The same snapshot with these values, all in the training part."""
    rows = [(0, n, value, None, "train") for n, value in enumerate(values)]
    frame = pl.DataFrame(rows, schema=snapshot.interactions.schema, orient="row")
    return Snapshot("User", "Film", snapshot.nodes, snapshot.relations, snapshot.edges, frame)


class Linear:
    """Every film scores what the history weighs, plus a thousandth of its time."""

    name = "linear in the history"

    def score(self, histories: sp.csr_array, users: np.ndarray | None = None) -> np.ndarray:
        return histories.toarray()

    def score_newcomers(self, histories: sp.csr_array, times: sp.csr_array) -> np.ndarray:
        return (histories.toarray() + times.toarray() / 1000).astype(np.float32)


def test_ids_with_commas_stand_in_quotes() -> None:
    assert History.parse(' a , "b,c",,d').items == ("a", "b,c", "d")
    assert History.parse("").items == ()
    assert History.parse("a,b", "1, 2.5").ratings == (1.0, 2.5)


@pytest.mark.parametrize(
    ("items", "ratings", "message"),
    [("a,b", "1", "a rating for each item.*expected 2"), ("a", "x", "not a number"), ("a", "nan", "not a number")],
)
def test_bad_ratings(items: str, ratings: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        History.parse(items, ratings)


def test_file(tmp_path: Path) -> None:
    path = tmp_path / "history.txt"
    path.write_text("﻿10\n\n 11 \n", encoding="utf-8")
    assert History.read(path) == History(("10", "11"))
    path.write_text("10\t5\t2001-01-01\nurn:x:a,b\t\t2001-01-01T00:00:01+00:00\n", encoding="utf-8")
    history = History.read(path)
    assert history.items == ("10", "urn:x:a,b")
    assert history.ratings == (5.0, None)
    assert history.times is not None
    assert history.times[1] - history.times[0] == 1.0
    path.write_text("10,4\n11\n", encoding="utf-8")
    assert History.read(path) == History(("10", "11"), (4.0, None))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10,good\n", r":1: a rating is not a number.*'good'[\s\S]*no header row"),
        ("10\n11,3,yesterday\n", ":2: a time is neither"),
        ("10,3,7\n11,3\n", ":2: some lines have a time"),
        ("10,1,2,3\n", ":1: too many columns"),
    ],
)
def test_bad_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        History.read(path)
    with pytest.raises(DataError, match="cannot read"):
        History.read(tmp_path / "none")


def test_unknown_items_are_said_and_the_rest_is_used(snapshot: Snapshot, capsys: pytest.CaptureFixture[str]) -> None:
    row, times = History(("99", "12", "98", "10")).rows(snapshot, PlainProgress())
    assert "2 of 4 items of the history are unknown and left out: 99, 98" in capsys.readouterr().err
    assert row.indices.tolist() == [0, 2]
    assert times.data[0] > times.data[1]
    with pytest.raises(UnknownIdError, match=r"no item.*'13'[\s\S]*nearest"):
        History(("13", "14")).rows(snapshot)


def test_the_last_mention_of_an_item_counts(snapshot: Snapshot) -> None:
    history = History(("10", "11", "urn:x:Film/10")).rated([1.0, 2.0, 3.0])
    row, times = history.rows(rated(snapshot, [1.0, 3.0]))
    assert row.data.tolist() == [1.5, 1.0]
    assert times.data.tolist() == [3.0, 2.0]
    earlier = History(("10", "10"), (3.0, 1.0), (20.0, 10.0))
    assert earlier.rows(rated(snapshot, [1.0, 3.0]))[0].data.tolist() == [1.5]


def test_an_average_rating_weighs_one_and_none_less_than_nothing(snapshot: Snapshot) -> None:
    known = rated(snapshot, [1.0, 3.0, 5.0])
    found = rating_weights(known, np.array([3.0, 1.0, 5.0, 2.0, np.nan, 0.0]))
    np.testing.assert_allclose(found, [1.0, 1 / 3, 5 / 3, 2 / 3, 1.0, 0.0])
    votes = rated(snapshot, [-1.0, 1.0, 1.0])
    np.testing.assert_allclose(rating_weights(votes, np.array([-1.0, 1.0, -5.0])), [0.0, 1.5, 0.0])
    # clicks have no scale: the mean of what was given stands for it
    np.testing.assert_allclose(rating_weights(snapshot, np.array([1.0, 3.0])), [0.5, 1.5])


def test_ratings_and_order_reach_the_model(snapshot: Snapshot) -> None:
    known = rated(snapshot, [1.0, 3.0, 5.0])
    history = History(("12", "10", "11")).rated([5.0, 1.0, 3.0])
    frame = recommend_history(Linear(), known, history, k=3, include_seen=True)
    assert frame["item"].to_list() == ["12", "11", "10"]
    np.testing.assert_allclose(frame["score"], [5 / 3 + 0.001, 1.003, 1 / 3 + 0.002], atol=1e-6)
    assert recommend_history(Linear(), known, history)["item"].to_list() == ["été"]


def test_a_model_that_reads_no_ratings_says_so(snapshot: Snapshot) -> None:
    class Plain:
        name = "plain"

        def score(self, histories: sp.csr_array, users: np.ndarray | None = None) -> np.ndarray:
            return histories.toarray()

    with pytest.raises(UserError, match="plain does not read ratings"):
        recommend_history(Plain(), snapshot, History(("10",), (3.0,)))
