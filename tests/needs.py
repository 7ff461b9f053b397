"""What a test needs and this machine may lack."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_or_fail(reason: str) -> NoReturn:
    """Skips; fails where ``KGREC_NEO4J_TESTS`` is ``required``, so that nothing is left out unseen."""
    if os.environ.get("KGREC_NEO4J_TESTS") == "required":
        pytest.fail(f"KGREC_NEO4J_TESTS=required: {reason}")
    pytest.skip(reason)
