"""Tables → DGL's heterograph."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_builders import EdgeTable, GraphTables, NodeTable, to_dgl, to_hetero_data

needs_dgl = pytest.mark.skipif(find_spec("dgl") is None, reason="the extra dgl is not installed")


@needs_dgl
def test_every_part(tables: GraphTables) -> None:
    graph = to_dgl(tables)
    assert {kind: graph.num_nodes(kind) for kind in graph.ntypes} == {"Genre": 2, "Movie": 3, "User": 2}
    assert graph.nodes["Movie"].data["text"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert graph.nodes["Movie"].data["text"].dtype == torch.float32
    assert graph.nodes["Movie"].data["text_mask"].tolist() == [True, False, True]
    assert set(graph.nodes["Movie"].data) == {"kg", "text", "text_mask"}
    assert [end.tolist() for end in graph.edges(etype=("Movie", "genre", "Genre"))] == [[0, 0, 2], [0, 0, 1]]
    assert [end.tolist() for end in graph.edges(etype=("Genre", "rev_genre", "Movie"))] == [[0, 0, 1], [0, 0, 2]]
    assert [end.tolist() for end in graph.edges(etype=("Movie", "rev_like", "Movie"))] == [[0], [0]]
    assert len(graph.canonical_etypes) == 8


@needs_dgl
def test_without_reverse_edges(tables: GraphTables) -> None:
    assert sorted(to_dgl(tables, reverse=False).canonical_etypes) == [edge.key for edge in tables.edges]


@needs_dgl
def test_nothing_is_shared_with_the_tables(tables: GraphTables) -> None:
    to_dgl(tables).nodes["Movie"].data["text"].zero_()
    assert tables.nodes[1].features["text"].sum() == 15


@needs_dgl
@settings(deadline=None)
@given(st.data())
def test_any_graph_has_the_edges_that_pyg_has(graphs: st.SearchStrategy[GraphTables], data: st.DataObject) -> None:
    tables = data.draw(graphs.filter(lambda tables: len(tables.edges) > 0))
    graph, other = to_dgl(tables), to_hetero_data(tables)
    assert sorted(graph.canonical_etypes) == sorted(other.edge_types)
    assert {kind: graph.num_nodes(kind) for kind in graph.ntypes} == {t.type: t.num_nodes for t in tables.nodes}
    for key in other.edge_types:
        source, target = graph.edges(etype=key, order="eid")
        assert torch.stack([source, target]).tolist() == other[key].edge_index.tolist()


@needs_dgl
def test_messages_of_both_frameworks_agree(tables: GraphTables) -> None:
    import dgl.function as fn

    graph, data = to_dgl(tables), to_hetero_data(tables)
    x = torch.arange(6.0).view(3, 2)
    graph.nodes["Movie"].data["x"] = x
    graph.update_all(fn.copy_u("x", "m"), fn.sum("m", "sum"), etype=("Movie", "genre", "Genre"))
    source, target = data["Movie", "genre", "Genre"].edge_index
    assert torch.equal(graph.nodes["Genre"].data["sum"], torch.zeros(2, 2).index_add_(0, target, x[source]))


@needs_dgl
def test_faults_are_those_of_pyg(tables: GraphTables) -> None:
    bad = NodeTable("A", 1, {"x": np.full((1, 1), np.nan, dtype=np.float32)})
    loop = EdgeTable("A", "r", "A", np.zeros((2, 1), dtype=np.int64))
    with pytest.raises(ValueError, match="expected finite values"):
        to_dgl(GraphTables((bad,), (loop,)))
    with pytest.raises(ValueError, match=r"expected at least one edge table: .* \(got none\)"):
        to_dgl(GraphTables(tables.nodes, ()))


@needs_dgl
def test_the_import_leaves_no_trace(tmp_path: Path, repository: Path) -> None:
    program = "import os; from graph_builders.dgl_import import import_dgl; import_dgl(); print(os.environ.keys())"
    home = {"HOME": str(tmp_path), "PYTHONPATH": str(repository), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], env=home, capture_output=True, text=True)
    assert done.returncode == 0
    assert "DGLBACKEND" not in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_without_dgl_it_says_what_to_install(tables: GraphTables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dgl", None)
    with pytest.raises(ImportError, match=r"pip install 'kgrec\[dgl\]'"):
        to_dgl(tables)
