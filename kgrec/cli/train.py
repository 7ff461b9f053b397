"""``kgrec train``"""

from __future__ import annotations

from typing import Any

from kgrec.cli.common import Data, Device, Devices, Recipe, RunDir, Store, open_run, print_table, say


def train(
    recipe: Recipe,
    data: Data = None,
    run_dir: RunDir = None,
    device: Device = None,
    devices: Devices = None,
    store: Store = None,
) -> None:
    """Snapshot → text vectors → KG embedding → trained model; of a flow, what each channel adds."""
    from kgrec.progress import terminal_progress

    run = open_run(recipe, data, run_dir, device, devices, store)
    run.train(terminal_progress())
    channels = run.channels()
    if channels is not None:
        print_channels(channels)


def print_channels(table: dict[str, Any]) -> None:
    """The channels on stdout, one a row."""
    if table["users"]:
        say(f"NDCG@10 on the validation part, {table['users']:,} users: {_ndcg(table['ndcg'])}")
        say(f"of the prior alone: {_ndcg(table['prior'])}")
        say(f"share of the ten best scores that paths over facts carry: {_percent(table['knowledge'])}")
    else:
        say("there is no validation part to measure channels on")
    say()
    rows = [
        [
            one["name"],
            "knowledge" if one["knowledge"] else one["kind"],
            f"{one['gate']:.3g}",
            _ndcg(one["alone"]),
            _ndcg(one["without"]),
            _percent(one["share"]),
        ]
        for one in table["channels"]
    ]
    print_table(["channel", "kind", "gate", "alone", "model without it", "share"], rows, right=(2, 3, 4, 5))


def _ndcg(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
