"""Published recommenders to compare with, each a short file written from its paper, behind one interface.

:func:`fit_zoo` trains one and gives a scorer, :func:`load_zoo` reads it back; :data:`ZOO` lists them.  Importing this
loads no framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgrec.zoo.names import ZOO
from kgrec.zoo.scorers import load_zoo

if TYPE_CHECKING:
    from kgrec.zoo.fit import ZooResult, fit_zoo


def __getattr__(name: str) -> Any:
    if name in ("ZooResult", "fit_zoo"):
        from kgrec.zoo import fit

        return getattr(fit, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["ZOO", "ZooResult", "fit_zoo", "load_zoo"]
