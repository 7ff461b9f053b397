"""Names as numbers, a column at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray


def numbered(names: pl.Series, table: Mapping[str, int]) -> NDArray[np.int64]:
    """Each name's number in a table that has all of them, which may be empty where there are no names: int64
    ``[len(names)]``."""
    return names.replace_strict(table, return_dtype=pl.Int64).to_numpy().astype(np.int64)
