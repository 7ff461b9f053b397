from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kgrec.dataset.features import FILE, load_features, save_features
from kgrec.errors import StaleError


@st.composite
def features(draw: st.DrawFn):
    kinds = draw(st.lists(st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True), unique=True, max_size=4))
    result = {}
    for kind in kinds:
        rows, dim = draw(st.integers(0, 5)), draw(st.integers(1, 4))
        matrix = draw(arrays(np.float32, (rows, dim), elements=st.floats(-9, 9, width=32)))
        result[kind] = matrix, draw(arrays(np.bool_, rows))
    return result


@given(features())
def test_what_is_saved_is_loaded_and_its_bytes_depend_on_the_content_alone(tmp_path_factory, given_features) -> None:
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    save_features(one, given_features)
    save_features(two, dict(reversed(given_features.items())))
    assert (one / FILE).read_bytes() == (two / FILE).read_bytes()
    loaded = load_features(one)
    assert list(loaded) == sorted(given_features)
    for kind, (matrix, mask) in given_features.items():
        np.testing.assert_array_equal(loaded[kind][0], matrix)
        np.testing.assert_array_equal(loaded[kind][1], mask)


def test_a_mask_of_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected"):
        save_features(tmp_path, {"A": (np.zeros((2, 3), np.float32), np.ones(3, np.bool_))})


@pytest.mark.parametrize("content", [None, b"", b"no safetensors at all"])
def test_a_missing_or_broken_file_names_the_stage(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StaleError, match="kgrec train"):
        load_features(tmp_path)


def test_a_matrix_without_its_mask_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"A": np.zeros((2, 3), np.float32)}, tmp_path / FILE)
    with pytest.raises(StaleError, match="'A'"):
        load_features(tmp_path)


def test_reading_needs_no_torch() -> None:
    code = "import kgrec.dataset.features, kgrec.embeddings.result, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
