"""What people install is the wheel: both packages and their data files come out of it, and it works from anywhere."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path


def run(*command: object, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=True)


def test_the_wheel_works_on_its_own(repository: Path, make_slice: Callable[..., Path], tmp_path: Path) -> None:
    source = tmp_path / "source"
    wanted = ("kgrec", "graph_builders", "pyproject.toml", "README.md", "LICENSE", "NOTICE")
    for name in wanted:
        place = repository / name
        if place.is_dir():
            shutil.copytree(place, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, source / name)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, ".", folder=source)
    wheel = next(tmp_path.glob("kgrec-*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    files = ("report/template.html.j2", "explain/words/en.toml", "explain/words/zh.toml")
    for name in ("kgrec/py.typed", "graph_builders/py.typed", *(f"kgrec/{file}" for file in files)):
        assert name in names
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "data"))]

    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin/python"
    packages = Path(
        run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=tmp_path).stdout.strip()
    )
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel, folder=tmp_path)
    # The libraries come from the environment of the tests; a path file does not run what lies there, so that its
    # editable kgrec stays out of sight.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")

    recipe = make_slice(tmp_path / "mine", users=5)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = run(python, "-c", "import kgrec; print(kgrec.__file__)", folder=elsewhere).stdout.strip()
    assert where.startswith(str(environment))
    script = environment / "bin/kgrec"
    assert "recommendations" in run(script, "--help", folder=elsewhere).stdout
    run(script, "build", recipe, folder=elsewhere)
    assert (elsewhere / "runs/movielens/snapshot/nodes.parquet").is_file()
