"""``kgrec build``"""

from __future__ import annotations

from kgrec.cli.common import Data, Recipe, RunDir, Store, open_run


def build(recipe: Recipe, data: Data = None, run_dir: RunDir = None, store: Store = None) -> None:
    """Sources → knowledge-graph store → snapshot."""
    from kgrec.progress import terminal_progress

    open_run(recipe, data, run_dir, store=store).build(terminal_progress())
