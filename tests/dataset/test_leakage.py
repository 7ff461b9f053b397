"""No held-out interaction is anywhere but in ``interactions.parquet``: the real functions, from CSV to HeteroData."""

from __future__ import annotations

import pytest

from graph_builders import to_hetero_data, to_mapped_triples
from kgrec.config import parse_recipe
from kgrec.dataset.snapshot import INTERACTS, Snapshot
from kgrec.pipeline.build import make_snapshot, make_store
from kgrec.progress import SILENT

USERS, FILMS = range(1, 7), range(1, 13)


def rated(user: int) -> list[int]:
    """Ten films of each user, the oldest first."""
    return [(user + 5 * step) % len(FILMS) + 1 for step in range(10)]


@pytest.fixture(scope="module", params=["last", "random", "cold", "time"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Snapshot, str]:
    """Every rating has a tag and a review whose words tell the pair: ``tag-<user>-<film>``, ``word-<user>-<film>``."""
    data = tmp_path_factory.mktemp("data")
    ratings, tags, reviews = ["user,film,stars,time"], ["film,user,tag,time"], ["film,user,body,time"]
    for user in USERS:
        for step, film in enumerate(rated(user)):
            time = 1000 * step + user
            ratings.append(f"{user},{film},4,{time}")
            tags.append(f"{film},{user},tag-{user}-{film},{time}")
            reviews.append(f"{film},{user},word-{user}-{film},{time}")
    films = ["film,title,genres"] + [f"{film},Film {film},g{film % 3}|g{film % 2}" for film in FILMS]
    for name, lines in (("ratings", ratings), ("tags", tags), ("reviews", reviews), ("films", films)):
        (data / f"{name}.csv").write_text("\n".join(lines) + "\n")
    side = {"id": "film", "user": "user", "timestamp": "time"}
    recipe = parse_recipe(
        {
            "name": "leak",
            "interactions": {
                "file": "ratings.csv",
                "user": "user",
                "item": "film",
                "value": "stars",
                "timestamp": "time",
                "timestamp_format": "s",
                "item_type": "Film",
            },
            "split": {"kind": request.param, "valid": 0.2, "test": 0.2},
            "table": [
                {
                    "file": "films.csv",
                    "id": "film",
                    "label": "title",
                    "attributes": [{"column": "genres", "separator": "|", "relation": "genre", "type": "Genre"}],
                },
                {**side, "file": "tags.csv", "attributes": [{"column": "tag", "relation": "tag", "type": "Tag"}]},
                {**side, "file": "reviews.csv", "text": ["body"]},
            ],
        }
    )
    for stage in ("store", "snapshot"):
        (data / stage).mkdir()
    make_store(recipe, data, data / "store", SILENT)
    make_snapshot(recipe, data / "store", data / "snapshot", SILENT)
    return Snapshot.open(data / "snapshot"), request.param


def pairs(snapshot: Snapshot, *splits: str) -> set[tuple[str, str]]:
    """(user key, film key) of these parts."""
    users = snapshot.of_type("User")["key"].to_list()
    films = snapshot.of_type("Film")["key"].to_list()
    return {(users[u], films[i]) for u, i, *_, split in snapshot.interactions.iter_rows() if split in splits}


def test_something_is_held_out(built: tuple[Snapshot, str]) -> None:
    snapshot, _ = built
    train, held_out = pairs(snapshot, "train"), pairs(snapshot, "valid", "test")
    assert train
    assert len(held_out) >= 12
    assert train | held_out == {(str(user), str(film)) for user in USERS for film in rated(user)}
    assert snapshot.num_users == len(USERS)
    assert snapshot.num_items == len(FILMS)


def test_no_node_edge_or_text_tells_of_a_held_out_pair(built: tuple[Snapshot, str]) -> None:
    snapshot, _ = built
    cells = [cell for row in snapshot.nodes.select("iri", "label", "text").iter_rows() for cell in row if cell]
    words = set("\n".join(cells).replace("/", "\n").splitlines())
    for user, film in pairs(snapshot, "valid", "test"):
        assert f"tag-{user}-{film}" not in words
        assert f"word-{user}-{film}" not in words
    for user, film in pairs(snapshot, "train"):
        assert f"tag-{user}-{film}" in words
        assert f"word-{user}-{film}" in words


def test_the_graphs_hold_the_training_interactions_and_no_others(built: tuple[Snapshot, str]) -> None:
    snapshot, _ = built
    users, films = snapshot.of_type("User")["key"].to_list(), snapshot.of_type("Film")["key"].to_list()
    train = pairs(snapshot, "train")
    assert "User" not in {*snapshot.edges["source_type"], *snapshot.edges["target_type"]}

    data = to_hetero_data(snapshot.graph_tables())
    for key in data.edge_types:
        if "User" in (key[0], key[2]):
            assert key in (("User", INTERACTS, "Film"), ("Film", f"rev_{INTERACTS}", "User"))
            rows = data[key].edge_index.tolist()
            user_row, film_row = rows if key[0] == "User" else rows[::-1]
            assert {(users[u], films[f]) for u, f in zip(user_row, film_row, strict=True)} == train

    start = snapshot.offsets["User"]
    triples = to_mapped_triples(snapshot.graph_tables(), exclude=())
    joined = triples[(triples[:, 0] >= start) & (triples[:, 0] < start + len(users))]
    offset = snapshot.offsets["Film"]
    assert {(users[u - start], films[f - offset]) for u, _, f in joined.tolist()} == train
    assert not ((triples[:, 2] >= start) & (triples[:, 2] < start + len(users))).any()


def test_the_training_matrix(built: tuple[Snapshot, str]) -> None:
    snapshot, _ = built
    assert snapshot.matrix("train").nnz == len(pairs(snapshot, "train"))
    assert not snapshot.matrix("train").multiply(snapshot.matrix("valid", "test")).nnz
