"""``kgrec train``"""

from __future__ import annotations

from kgrec.cli.common import Data, Device, Devices, Recipe, RunDir, open_run


def train(
    recipe: Recipe,
    data: Data = None,
    run_dir: RunDir = None,
    device: Device = None,
    devices: Devices = None,
) -> None:
    """Snapshot → text vectors → KG embedding → graph → trained GNN."""
    from kgrec.progress import terminal_progress

    open_run(recipe, data, run_dir, device, devices).train(terminal_progress())
