from __future__ import annotations

import pytest

from kgrec.config.recipe import TextConfig
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import RecipeError
from kgrec.text import encode_nodes, node_texts


def test_text_comes_first_then_a_label_that_says_more_than_the_id(movies: Snapshot) -> None:
    assert node_texts(movies, TextConfig()) == {
        "Movie": ["Toys come to life.", "Heat (1995)", None, None, "Toys come to life."]
    }


def test_all_labels_or_none(movies: Snapshot) -> None:
    everything = node_texts(movies, TextConfig(labels="all"))
    assert everything["Genre"] == ["film noir", "War"]
    assert everything["Movie"][2] == "3"
    texts_only = node_texts(movies, TextConfig(labels="off"))
    assert texts_only == {"Movie": ["Toys come to life.", None, None, None, "Toys come to life."]}


def test_only_the_types_asked_for(movies: Snapshot) -> None:
    assert list(node_texts(movies, TextConfig(labels="all", types=("Genre",)))) == ["Genre"]


def test_a_type_that_is_not_there_names_the_nearest(movies: Snapshot) -> None:
    with pytest.raises(RecipeError, match=r"text\.types.*'Movies'(?s:.*)nearest: Movie"):
        node_texts(movies, TextConfig(types=("Movies",)))


def test_users_are_never_encoded(movies: Snapshot) -> None:
    assert "User" not in node_texts(movies, TextConfig(labels="all"))
    with pytest.raises(RecipeError, match="users have no text"):
        node_texts(movies, TextConfig(types=("User",)))


@pytest.mark.parametrize("config", [TextConfig(enabled=False), TextConfig(types=("Genre",))])
def test_nothing_to_encode_gives_no_vectors_and_says_so(movies: Snapshot, tmp_path, recorder, config) -> None:
    assert encode_nodes(movies, config, tmp_path, "cpu", recorder) == {}
    assert recorder.lines
