"""Where downloads and encoded texts are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """``KGREC_CACHE`` where it is set, else ``kgrec`` in ``XDG_CACHE_HOME`` or ``~/.cache``."""
    given = os.environ.get("KGREC_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kgrec"
