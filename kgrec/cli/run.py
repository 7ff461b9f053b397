"""``kgrec run``"""

from __future__ import annotations

from kgrec.cli.common import Bulk, Data, Device, Devices, Recipe, RunDir, Store, open_run, say


def run(
    recipe: Recipe,
    data: Data = None,
    run_dir: RunDir = None,
    device: Device = None,
    devices: Devices = None,
    store: Store = None,
    bulk: Bulk = False,
) -> None:
    """All stages in order; what did not change is skipped."""
    from kgrec.cli.evaluate import print_evaluation
    from kgrec.progress import terminal_progress

    it = open_run(recipe, data, run_dir, device, devices, store, bulk)
    it.all(terminal_progress())
    print_evaluation(it.evaluation())
    say(f"report: {it.report_path()}")
