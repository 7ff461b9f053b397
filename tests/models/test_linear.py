from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graph_builders import to_hetero_data
from kgrec.config.recipe import ModelConfig
from kgrec.dataset.snapshot import INTERACTS, Snapshot
from kgrec.errors import DataError, RecipeError, StaleError
from kgrec.models.linear import LinearPropagation
from kgrec.models.propagation import MANIFEST, TENSORS, Propagation
from kgrec.models.registry import create_model
from kgrec.recommend.linear import LinearScorer
from kgrec.recommend.scorer import Scorer


def features(snapshot: Snapshot) -> dict[str, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    return {
        "Item": {"text": rng.normal(size=(5, 6)).astype("f4"), "kg": rng.normal(size=(5, 4)).astype("f4")},
        "Genre": {"kg": rng.normal(size=(3, 4)).astype("f4")},
    }


def build(snapshot: Snapshot, vectors: Any = None, **config: Any) -> LinearPropagation:
    tables = snapshot.graph_tables(features(snapshot) if vectors is None else vectors)
    model = create_model(
        "linear",
        to_hetero_data(tables),
        ModelConfig.model_validate({"dim": 8, **config}),
        user_type="User",
        item_type="Item",
        edge_types=tuple(table.key for table in tables.edges),
        interacts=("User", INTERACTS, "Item"),
        generator=torch.Generator().manual_seed(0),
    )
    with torch.no_grad():
        for scalars in (model.log_weights, model.log_layers):
            scalars.add_(torch.randn(scalars.shape, generator=torch.Generator().manual_seed(1)))
    return model


CONFIGS = [
    {},
    {"layers": 1},
    {"kg": False},
    {"kg": False, "input": {"id": False}},
    {"input": {"user_id": True}},
    {"input": {"entity_id": True}},
    {"input": {"id": False, "entity_id": True, "text": False, "neighbours": "off"}},
    {"input": {"id": False, "user_id": True, "neighbours": "sum"}},
    {"input": {"text": False, "neighbours": "off"}},
    *({"input": {"fusion": name}} for name in ("mean", "concat", "gate")),
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_serving_form_gives_the_models_scores(snapshot: Snapshot, config: dict[str, Any], tmp_path: Path) -> None:
    model = build(snapshot, **config)
    with torch.no_grad():
        users, items = model()
    model.serving_form(snapshot, "model").save(tmp_path)
    scorer = LinearScorer(Propagation.load(tmp_path))
    assert isinstance(scorer, Scorer)
    scores = scorer.score(snapshot.matrix("train"), np.arange(4))
    scale = np.abs(scores).max()
    assert scale > 0
    np.testing.assert_allclose(scores / scale, (users @ items.T).numpy() / scale, rtol=0, atol=1e-5)


def test_dropout_is_a_function_of_its_seed(snapshot: Snapshot) -> None:
    model = build(snapshot, input={"dropout": 0.5})
    with torch.no_grad():
        whole, one, again, other = (model(noise=noise)[1] for noise in (None, 1, 1, 2))
        mean = torch.stack([model(noise=noise)[1] for noise in range(2000)]).mean(0)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    torch.testing.assert_close(mean, whole, rtol=0.1, atol=0.1)


def test_users_start_from_zero_and_an_empty_history_scores_zero(snapshot: Snapshot) -> None:
    propagation = build(snapshot).serving_form(snapshot, "model")
    start = snapshot.offsets["User"]
    assert not propagation.x[start : start + 4].any()
    assert propagation.users is None
    empty = snapshot.matrix("train")[[0]] * 0
    empty.eliminate_zeros()
    assert not LinearScorer(propagation).score(empty).any()


def test_edges_of_users_in_the_graph_reach_their_score(snapshot: Snapshot) -> None:
    import polars as pl

    extra = pl.DataFrame([("User", 3, "likes", "Genre", 1, "first")], schema=snapshot.edges.schema, orient="row")
    edges = pl.concat([snapshot.edges, extra]).sort(snapshot.edges.columns)
    wider = Snapshot("User", "Item", snapshot.nodes, snapshot.relations, edges, snapshot.interactions)
    model = build(wider)
    with torch.no_grad():
        users, items = model()
    scorer = LinearScorer(model.serving_form(wider, "model"))
    known = scorer.score(wider.matrix("train"), np.arange(4))
    np.testing.assert_allclose(known, (users @ items.T).numpy(), rtol=1e-5, atol=1e-5)
    unknown = scorer.score(wider.matrix("train"))
    assert np.abs(known - unknown)[3].max() > 1e-4


def test_without_the_graph_nothing_of_it_is_read(snapshot: Snapshot) -> None:
    other = features(snapshot)
    other["Genre"]["kg"] = other["Genre"]["kg"] * 5
    other["Item"]["kg"] = other["Item"]["kg"] * 5
    with torch.no_grad():
        one, two = build(snapshot, kg=False)(), build(snapshot, other, kg=False)()
    assert torch.equal(one[1], two[1])
    assert build(snapshot, kg=False).graph.edge_types == (("User", INTERACTS, "Item"),)


@pytest.mark.parametrize("how", ["sum", "mean"])
def test_neighbours_term(snapshot: Snapshot, how: str) -> None:
    vectors = features(snapshot)
    model = build(snapshot, vectors, input={"id": False, "text": False, "neighbours": how})
    item, genre = vectors["Item"]["kg"], vectors["Genre"]["kg"]
    met = {
        ("Item", 0): [genre[0]] * 4,
        ("Item", 1): [genre[0], item[2]],
        ("Item", 2): [genre[1], item[1]],
        ("Item", 3): [item[3], item[3]],
        ("Item", 4): [genre[1]],
        ("Genre", 0): [item[0]] * 4 + [item[1]],
        ("Genre", 1): [item[2], item[4]],
    }
    x = model.input().detach().numpy()
    expected = np.zeros((len(x), 4))
    for (kind, n), neighbours in met.items():
        expected[snapshot.offsets[kind] + n] = np.sum(neighbours, 0) / (len(neighbours) if how == "mean" else 1)
    scale = np.sqrt((expected**2).sum(1)[expected.any(axis=1)].mean())
    weight = model.input.terms[0].weight.detach().numpy()
    np.testing.assert_allclose(x, expected / scale @ weight.T, rtol=1e-5, atol=1e-6)


def test_not_finite_features_name_the_node(snapshot: Snapshot) -> None:
    tables = snapshot.graph_tables(features(snapshot))
    data = to_hetero_data(tables)
    data["Item"].text[3, 0] = torch.nan
    with pytest.raises(DataError, match=r"\[Item\].*not finite.*node 3"):
        LinearPropagation(
            data,
            ModelConfig(),
            user_type="User",
            item_type="Item",
            edge_types=tuple(table.key for table in tables.edges),
            interacts=("User", INTERACTS, "Item"),
            generator=torch.Generator(),
        )


def test_a_model_needs_some_input(snapshot: Snapshot) -> None:
    with pytest.raises(RecipeError, match=r"model\.input"):
        build(snapshot, {}, input={"id": False})


def test_unknown_model(snapshot: Snapshot) -> None:
    with pytest.raises(RecipeError, match="did you mean 'linear'"):
        create_model("liner", to_hetero_data(snapshot.graph_tables()), ModelConfig())


def test_refuses_other_formats_and_damage(snapshot: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(StaleError, match="no trained model"):
        Propagation.load(tmp_path)
    build(snapshot).serving_form(snapshot, "model").save(tmp_path)
    tensors, manifest = (tmp_path / TENSORS).read_bytes(), (tmp_path / MANIFEST).read_text()
    (tmp_path / TENSORS).write_bytes(tensors[:100])
    with pytest.raises(StaleError, match="damaged"):
        Propagation.load(tmp_path)
    (tmp_path / TENSORS).write_bytes(tensors)
    (tmp_path / MANIFEST).write_text(manifest.replace('"format": 1', '"format": 99'))
    with pytest.raises(StaleError, match="another format version"):
        Propagation.load(tmp_path)


def test_the_serving_form_is_bound_to_its_graph(snapshot: Snapshot) -> None:
    propagation = build(snapshot).serving_form(snapshot, "model")
    bare = Snapshot("User", "Item", snapshot.nodes, snapshot.relations, snapshot.edges.head(0), snapshot.interactions)
    with pytest.raises(StaleError, match="edge type"):
        propagation.adjacency(bare)
