"""``kgrec build``"""

from __future__ import annotations

from kgrec.cli.common import Bulk, Data, Recipe, RunDir, Store, open_run


def build(recipe: Recipe, data: Data = None, run_dir: RunDir = None, store: Store = None, bulk: Bulk = False) -> None:
    """Sources → knowledge-graph store → snapshot."""
    from kgrec.progress import terminal_progress

    open_run(recipe, data, run_dir, store=store, bulk=bulk).build(terminal_progress())
