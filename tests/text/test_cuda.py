"""The text encoder on a CUDA device."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kgrec.config.recipe import TextConfig
from kgrec.text import encode_texts

from ..cuda import needs_cuda


@needs_cuda
def test_vectors_are_those_of_the_cpu(tmp_path: Path) -> None:
    texts = ["A cowboy doll is profoundly threatened by a new spaceman action figure.", "战争片", "x", "long " * 600]
    here, there = (encode_texts(texts, TextConfig(), tmp_path / device, device) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(np.linalg.norm(there, axis=1), np.linalg.norm(here, axis=1), rtol=1e-4)
    np.testing.assert_allclose(there, here, atol=1e-4)
