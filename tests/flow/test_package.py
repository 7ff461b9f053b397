"""A channel from somebody else's package: found by its entry point, kept to the contract, named when it is wrong."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kgrec.errors import RecipeError
from kgrec.flow import Flow, fit_flow
from kgrec.flow.registry import builders, chosen

if TYPE_CHECKING:
    from conftest import World

PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "{package}"
version = "0.1"

[project.entry-points."kgrec.channels"]
{entry}

[tool.setuptools]
py-modules = ["{module}"]
"""

COMPANIONS = '''
import numpy as np
import scipy.sparse as sp

from kgrec.flow.builder import Builder, support
from kgrec.flow.channel import Channel
from kgrec.flow.hops import Hop


class Companions(Builder):
    """W_ji = |U_j ∩ U_i| / |U_j ∪ U_i|: the Jaccard similarity of two items' users."""

    name = "companions"

    def build(self, part, context):
        both = sp.csr_array(part.by_item @ part.train).tocoo()
        degree = part.item_degree
        share = both.data / (degree[both.row] + degree[both.col] - both.data)
        share[both.row == both.col] = 0.0
        weights = sp.csr_array((share.astype(np.float32), (both.row, both.col)), shape=both.shape)
        weights.eliminate_zeros()
        return (Channel(self.name, "learned", (weights,)),)

    def hops(self, channel, part, source, target):
        weight = float(channel.weights(np.array([source]), target)[0])
        ends = ((part.item_type, source), (part.item_type, target))
        return [(weight, (Hop("co-preference", *ends, support=support(part, source, target)),))] if weight else []
'''

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package of one module for the time of a test: built by setuptools, found by its metadata."""
    modules: list[str] = []

    def run(package: str, module: str, source: str, entry: str) -> None:
        from setuptools import build_meta

        folder, target = tmp_path / package, tmp_path / f"{package}-installed"
        folder.mkdir()
        (folder / "pyproject.toml").write_text(PYPROJECT.format(package=package, module=module, entry=entry))
        (folder / f"{module}.py").write_text(source)
        target.mkdir()
        monkeypatch.chdir(folder)
        # the metadata alone, as an editable install has it; setuptools says what it does on standard output
        monkeypatch.setattr(sys, "argv", ["setup.py"])
        build_meta.prepare_metadata_for_build_wheel(str(target))
        (target / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(target)
        importlib.invalidate_caches()
        builders.cache_clear()
        modules.append(module)

    yield run
    for module in modules:
        sys.modules.pop(module, None)
    monkeypatch.undo()
    builders.cache_clear()


def test_a_packages_channel_is_built_gated_saved_and_explained(
    install: Install, world: World, matrix_of: Callable[..., NDArray[np.float32]], tmp_path: Path
) -> None:
    install("kgrec-companions", "kgrec_companions", COMPANIONS, 'companions = "kgrec_companions:Companions"')
    assert "companions" in [kind.name for kind in builders().lookup_dict.values()]
    config = world.config.model_copy(update={"channels": ("rp3", "companions", "sequence")})
    flow = fit_flow(world.snapshot, config, text=world.text, kg=world.kg)
    (channel,) = (one for one in flow.channels if one.name == "companions")
    train = world.part.train.toarray()
    both = train.T @ train
    share = both / np.maximum(train.sum(0)[:, None] + train.sum(0)[None] - both, 1)
    np.fill_diagonal(share, 0.0)
    np.testing.assert_allclose(matrix_of(channel, world.part.num_items), share, rtol=1e-6)
    (builder,) = chosen(("companions",), ())
    j, i = np.unravel_index(share.argmax(), share.shape)
    ((weight, (hop,)),) = builder.hops(channel, world.part, int(j), int(i))
    assert weight == pytest.approx(share[j, i], rel=1e-6)
    assert hop.support == both[j, i]
    assert hop.learned
    (tmp_path / "model").mkdir()
    flow.save(tmp_path / "model")
    histories, users = world.part.train[:5], np.arange(5)
    first, again = (one.scorer(world.snapshot).score(histories, users) for one in (flow, Flow.load(tmp_path / "model")))
    assert first.tobytes() == again.tobytes()
    refit = flow.refit(world.snapshot.refitted(), text=world.text, kg=world.kg)
    assert any(one.name == "companions" for one in refit.channels)


def test_it_is_gone_with_its_package() -> None:
    with pytest.raises(RecipeError, match="no channel has this name"):
        chosen(("companions",), ())


@pytest.mark.parametrize(
    ("source", "entry", "problem"),
    [
        (COMPANIONS, 'companions = "kgrec_wrong:Companion"', "cannot be loaded"),
        ("import kgrec_of_nobody", 'companions = "kgrec_wrong:Companions"', "cannot be loaded"),
        ("class Companions: name = 'companions'", 'companions = "kgrec_wrong:Companions"', "is no builder"),
        (COMPANIONS.replace('"companions"', '"ease"'), 'ease = "kgrec_wrong:Companions"', "'ease' is taken by kgrec"),
        (COMPANIONS.replace('"companions"', '"a:b"'), 'ab = "kgrec_wrong:Companions"', "name without a colon"),
    ],
)
def test_a_package_that_offers_no_channel_is_named(install: Install, source: str, entry: str, problem: str) -> None:
    install("kgrec-wrong", "kgrec_wrong", source, entry)
    with pytest.raises(RecipeError, match="kgrec-wrong") as error:
        builders()
    assert problem in str(error.value)


def test_two_packages_cannot_offer_the_same_channel(install: Install) -> None:
    for module in ("kgrec_one", "kgrec_two"):
        install(module.replace("_", "-"), module, COMPANIONS, f'companions = "{module}:Companions"')
    with pytest.raises(RecipeError, match="taken by kgrec-one"):
        builders()


def test_packages_come_after_the_projects_own_and_in_order(install: Install) -> None:
    own: list[Any] = list(builders().lookup_dict.values())
    for name in ("zeta", "alpha"):
        source = COMPANIONS.replace('"companions"', f'"{name}"')
        install(f"kgrec-{name}", f"kgrec_{name}", source, f'{name} = "kgrec_{name}:Companions"')
    found = list(builders().lookup_dict.values())
    assert found[: len(own)] == own
    assert [kind.name for kind in found[len(own) :]] == ["alpha", "zeta"]
