"""`kgrec bench --quick` on shipped data: what is in the results, what is read when, and that kill -9 costs one cell."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pytest
from typer.testing import CliRunner

from kgrec.bench.cells import RECORD, Cell, read_record, write_json
from kgrec.bench.measure import figures_file
from kgrec.bench.plan import plan, requirements
from kgrec.bench.quick import NAME, USERS
from kgrec.bench.run import Asked, bench
from kgrec.bench.table import blocks, markdown
from kgrec.bench.worker import Job, work
from kgrec.cli.main import app
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import BusyError, UserError
from kgrec.pipeline.stage import RunDirectory
from tests.bench.conftest import snapshot_with_graph

MODELS = ("Popularity", "EASE + recency")
MEASURED = {"cpu_s", "wall_s", "peak_mb", "text_cpu_s", "embedding_cpu_s", "when"}


def asked(out: Path, recipes: Path, **more: Any) -> Asked:
    return Asked(recipes=recipes, out=out, quick=True, **{"models": MODELS, **more})


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, recipes: Path) -> Path:
    """The results of an undisturbed run, validation part alone."""
    out = tmp_path_factory.mktemp("bench")
    bench(asked(out, recipes))
    return out


@pytest.fixture
def prepared(whole: Path, tmp_path: Path) -> Path:
    """A results folder in which the data are made and no cell is."""
    out = tmp_path / "results"
    for part in ("runs", "quick"):
        shutil.copytree(whole / "work" / part, out / "work" / part)
    return out


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    """A copy of the results of the undisturbed run."""
    shutil.copytree(whole, tmp_path / "results")
    return tmp_path / "results"


def without_measured(content: Any) -> Any:
    """The document but for what a clock or the machine decides."""
    if isinstance(content, dict):
        return {key: without_measured(value) for key, value in content.items() if key not in MEASURED}
    return [without_measured(one) for one in content] if isinstance(content, list) else content


def document(out: Path) -> dict[str, Any]:
    return json.loads((out / "quality.json").read_text())


def records(out: Path) -> dict[Path, tuple[int, bytes]]:
    """Each cell's record: when it was written and what it holds."""
    paths = (out / "work").glob(f"cells/*/*/*/{RECORD}")
    return {path.relative_to(out): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def test_cells_and_their_figures(whole: Path) -> None:
    content = document(whole)
    cells = {(cell["model"], cell["fit"], cell["seed"]): cell for cell in content["cells"]}
    assert set(cells) == {("EASE", "train", 0), ("Popularity", "train", 0), ("EASE + recency", "train", 0)}
    for (model, *_), cell in cells.items():
        assert cell["metrics"] == {}  # the test part was not read
        assert 0 < cell["valid_metrics"]["ndcg@10"] < 1
        assert cell["cpu_s"] >= 0
        assert 50 < cell["peak_mb"] < 3000
        assert (cell["valid_low"] is None) == (model == "EASE")
    below = cells["Popularity", "train", 0]
    gained = next(row for row in content["table"] if row["model"] == "Popularity")["valid"]["difference"]["EASE"]
    assert gained["ndcg@10"][1:] == [below["valid_low"], below["valid_high"]]
    assert gained["ndcg@10"][1] <= gained["ndcg@10"][0] <= gained["ndcg@10"][2]
    assert gained["ndcg@10"][0] == pytest.approx(
        below["valid_metrics"]["ndcg@10"] - cells["EASE", "train", 0]["valid_metrics"]["ndcg@10"], abs=2e-6
    )
    assert content["readings"] == []
    assert content["datasets"][NAME]["users"] == USERS
    assert {choice["model"] for choice in content["choices"]} == {"EASE", "EASE + recency"}
    assert (whole / "work" / ".gitignore").read_text() == "*\n"
    assert {path.name for path in whole.glob("*.svg")} == {
        "quality-valid-cost.svg",
        "quality-valid-difference.svg",
    }


def test_nothing_names_the_machine(whole: Path) -> None:
    text = (whole / "quality.json").read_text()
    for private in (str(whole), str(Path.home()), os.uname().nodename, sys.prefix):
        assert private not in text


def test_a_cell_of_another_machine_says_so(copied: Path, recipes: Path) -> None:
    place = copied / "work/cells" / NAME / "Popularity/train-0" / RECORD
    record = json.loads(place.read_text())
    there = {"cpu": "Z80", "cores": 1, "ram_gb": 0.0, "system": "CP/M"}
    place.write_text(json.dumps({**record, "machine": there}))
    bench(asked(copied, recipes))
    content = document(copied)
    said = {cell["model"]: cell.get("machine") for cell in content["cells"]}
    assert said == {"Popularity": there, "EASE": None, "EASE + recency": None}
    assert content["machine"] != there
    assert all("machine" not in choice for choice in content["choices"])


def test_the_grid_s_best_is_what_is_fitted(whole: Path) -> None:
    content = document(whole)
    for choice in content["choices"]:
        cell = next(one for one in content["cells"] if one["model"] == choice["model"])
        assert cell["settings"] == choice["settings"]
        assert cell["valid_metrics"]["ndcg@10"] == pytest.approx(choice["ndcg@10"], abs=1e-6)


def test_finished_cells_are_not_repeated(copied: Path, recipes: Path) -> None:
    before, was = records(copied), document(copied)
    bench(asked(copied, recipes))
    assert records(copied) == before
    assert without_measured(document(copied)) == without_measured(was)
    # another model is added, and what was there stays
    bench(asked(copied, recipes, models=("ItemKNN",)))
    after = records(copied)
    assert {path: after[path] for path in before} == before
    assert {cell["model"] for cell in document(copied)["cells"]} == {"EASE", "Popularity", "EASE + recency", "ItemKNN"}


def test_two_at_a_time_give_the_same(whole: Path, prepared: Path, recipes: Path) -> None:
    bench(asked(prepared, recipes, jobs=2))
    assert without_measured(document(prepared)) == without_measured(document(whole))


def test_a_changed_cell_is_made_again_and_alone(copied: Path, recipes: Path) -> None:
    before, was = records(copied), document(copied)
    path = next(path for path in before if "Popularity" in str(path))
    record = json.loads((copied / path).read_text())
    write_json(copied / path, {**record, "key": "of other code"})
    bench(asked(copied, recipes))
    after = records(copied)
    assert {one for one in before if after[one] != before[one]} == {path}
    assert without_measured(document(copied)) == without_measured(was)


def test_the_test_part_is_read_when_asked_for_and_every_reading_is_logged(copied: Path, recipes: Path) -> None:
    folders = [(copied / path).parent for path in records(copied)]
    assert not any(figures_file(folder, "test").exists() for folder in folders)
    before = records(copied)
    bench(asked(copied, recipes, final=True))
    content = document(copied)
    assert {path: records(copied)[path] for path in before} == before  # measured from the lists, not fitted again
    (reading,) = content["readings"]
    assert sorted(reading["cells"]) == sorted(
        f"{NAME} {model}, {fit}, seed 0" for model in ("EASE", *MODELS) for fit in ("train", "train+valid")
    )
    for cell in content["cells"]:
        assert 0 < cell["metrics"]["ndcg@10"] < 1
        assert (cell["valid_metrics"] == {}) == (cell["fit"] == "train+valid")
    # reading the same figures again is no reading; and they stay when validation alone is asked for
    bench(asked(copied, recipes, final=True))
    bench(asked(copied, recipes))
    again = document(copied)
    assert again["readings"] == [reading]
    assert [cell["metrics"] for cell in again["cells"]] != [{}] * 6
    text = markdown(again, "test")
    assert "| EASE + recency |" in text
    assert f"{NAME}, test part, fitted on train and valid" in text
    assert all(len(row) == len(block.header) for block in blocks(again, "test") for row in block.rows)


def test_after_kill_9_as_if_undisturbed(whole: Path, prepared: Path, recipes: Path) -> None:
    folder = Cell(NAME, "EASE + recency", "choose", 0).folder(prepared / "work")
    command = [sys.executable, "-m", "kgrec.cli.main", "bench", "--quick", "--models", ",".join(MODELS)]
    command += ["--recipes", str(recipes), "--out", str(prepared)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        # in the middle of a search: some of its points are known
        wait(lambda: any(len(file.read_text().splitlines()) >= 20 for file in folder.glob("points-*.jsonl")), process)
        (worker,) = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    before = records(prepared)
    assert len(before) == 3  # EASE's settings, EASE, Popularity
    (points,) = folder.glob("points-*.jsonl")
    known = points.read_text().splitlines()[:20]
    bench(asked(prepared, recipes))
    after = records(prepared)
    assert {path: after[path] for path in before} == before
    assert points.read_text().splitlines()[:20] == known
    assert len(set(points.read_text().splitlines())) == len(points.read_text().splitlines())  # no point twice
    assert without_measured(document(prepared)) == without_measured(document(whole))


def wait(condition: Any, process: subprocess.Popen[bytes] | None = None) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        assert process is None or process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)


def test_a_cell_stops_at_its_limit_and_says_so(prepared: Path, recipes: Path) -> None:
    content = bench(asked(prepared, recipes, models=("LightGCN",), limit=2, final=True))
    cells = {(cell["model"], cell["fit"]): cell for cell in content["cells"]}
    assert cells["LightGCN", "train"]["status"] == "stopped"
    assert cells["LightGCN", "train"]["reason"] == "stopped at its limit of 2 s of CPU"
    assert cells["LightGCN", "train"]["metrics"] == {}
    assert cells["LightGCN", "train+valid"]["status"] == "left out"
    told = [row for block in blocks(content, "test") for row in block.rows if "its limit" in row[-1]]
    assert told[0][0] == f"{NAME} LightGCN, train, seed 0"


def test_what_cannot_be_fitted_says_why(tmp_path: Path) -> None:
    snapshot = snapshot_with_graph()
    frame = snapshot.interactions.with_columns(timestamp=pl.lit(None, dtype=pl.Int64))
    (tmp_path / "snapshot").mkdir()
    Snapshot("User", "Item", snapshot.nodes, snapshot.relations, snapshot.edges, frame).write(tmp_path / "snapshot")
    (tmp_path / "x.toml").write_text('name = "x"\n[interactions]\nfile = "x.csv"\n')
    cell = Cell("x", "EASE + recency", "choose", 0)
    folder = cell.folder(tmp_path)
    folder.mkdir(parents=True)
    job = Job(
        cell=cell.to_json(),
        key="k",
        recipe=str(tmp_path / "x.toml"),
        run=str(tmp_path),
        folders={"snapshot": str(tmp_path / "snapshot")},
        folder=str(folder),
        needed={},
        limit=60,
        parent=os.getpid(),
    )
    work(job)
    record = read_record(folder)
    assert record is not None
    assert (record["status"], record["reason"]) == ("left out", "the interactions have no timestamps")


def test_the_command_prints_the_table(copied: Path, recipes: Path, tmp_path: Path) -> None:
    file = tmp_path / "table.md"
    command = ["bench", "--quick", "--models", "popularity, ease + recency", "--markdown", str(file)]
    answer = CliRunner().invoke(app, [*command, "--recipes", str(recipes), "--out", str(copied)])
    assert answer.exit_code == 0, answer.output
    lines = answer.stdout.splitlines()
    title = lines.index(f"{NAME}, valid part, fitted on train")
    assert lines[title + 1].split()[:3] == ["model", "ndcg@10", "recall@10"]
    value = next(cell for cell in document(copied)["cells"] if cell["model"] == "EASE")["valid_metrics"]["ndcg@10"]
    shown = next(line for line in lines[title:] if line.startswith("EASE  ")).split()[1]
    assert shown == f"{value:.4f}"[1:]
    assert f"| EASE | {shown} |" in file.read_text()


def test_unknown_names_and_a_second_process(whole: Path, recipes: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'lastfm'"):
        bench(Asked(recipes=recipes, out=tmp_path, datasets=("lastfn",)))
    with pytest.raises(UserError, match="did you mean 'ItemKNN'"):
        bench(asked(tmp_path, recipes, models=("ItemKN",)))
    with RunDirectory(whole / "work").locked("a test"), pytest.raises(BusyError):
        bench(asked(whole, recipes))


def test_peak_memory_is_the_cells_own(whole: Path) -> None:
    """A large parent does not count into what its children report."""
    ballast = np.ones(60_000_000)  # 480 MB
    code = "from kgrec.bench.worker import peak_mb; print(peak_mb())"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(shown) < ballast.nbytes / 1e6


def test_requirements_of_every_cell_exist() -> None:
    cells = set(plan((NAME,), 2, models=MODELS, final=True))
    assert all(set(requirements(cell).values()) <= cells for cell in cells)
