"""Imports DGL without what its import does besides: a line on stderr and a file in the home folder."""

from __future__ import annotations

import os
from types import ModuleType


def import_dgl() -> ModuleType:
    """The package ``dgl`` on its PyTorch backend.

    DGL asks the environment which backend to load; without an answer it says so and writes one to ``~/.dgl``.  It reads
    version numbers with ``packaging`` and, failing that, with a copy that setuptools no longer holds, which is why
    the extra lists that package.

    Raises:
        ImportError: DGL is not installed, or cannot be loaded here.
    """
    asked = os.environ.get("DGLBACKEND")
    os.environ["DGLBACKEND"] = "pytorch"
    try:
        import dgl
    except (ImportError, OSError) as error:
        raise ImportError(
            f"this needs DGL: pip install 'kgrec[dgl]' (version 1.1.3, Python 3.11; {error})", name="dgl"
        ) from error
    finally:
        if asked is None:
            del os.environ["DGLBACKEND"]
        else:
            os.environ["DGLBACKEND"] = asked
    module: ModuleType = dgl
    return module
