"""Where figures come from: the machine and the libraries, and which cells were made elsewhere."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kgrec.pipeline.stage import library_versions

ALSO = ("scipy", "implicit", "numba")
"""Libraries that decide results here, besides those of the pipeline."""


@cache
def machine() -> dict[str, Any]:
    """Cores, memory and processor; nothing that names the machine."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (OSError, ValueError):
        memory = float("nan")
    return {"cpu": name, "cores": os.cpu_count(), "ram_gb": round(memory, 1), "system": platform.system()}


def versions() -> dict[str, str]:
    """Of the libraries that decide a result; what is not installed is left out."""
    found = library_versions()
    for name in ALSO:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def where() -> dict[str, Any]:
    """``machine`` and ``versions``, as a cell's record keeps them."""
    return {"machine": machine(), "versions": versions()}


def made_elsewhere(record: Mapping[str, Any]) -> bool:
    """Whether a cell was made on another machine: its seconds are no others' then, and it says where it was.

    The memory that a machine reports changes a little from start to start: it does not make another one.
    """
    there: Mapping[str, Any] | None = record.get("machine")
    here = machine()
    return there is not None and any(there[name] != here[name] for name in ("cpu", "cores", "system"))
