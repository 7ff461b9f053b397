"""A flow model on disk: ``flow.json`` and one file a matrix, read without torch and as far as it is needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config.flow import FlowConfig
from kgrec.errors import StaleError
from kgrec.flow.channel import Channel, Factor
from kgrec.flow.dial import Dial
from kgrec.flow.gates import Catalogue, Gates
from kgrec.flow.model import Flow

FORMAT = 1
FILE = "flow.json"
DIAL = "dial.json"
AXES = "link-axes.npy"


def save_flow(flow: Flow, folder: str | Path) -> None:
    """Writes the model into a folder, which must exist; the same model gives the same bytes.

    Raises:
        OSError: a file cannot be written.
    """
    folder = Path(folder)
    channels = save_channels(folder, flow.channels)
    np.save(folder / "degree.npy", flow.catalogue.degree)
    np.save(folder / "foretold.npy", flow.catalogue.foretold)
    if flow.link_axes is not None:
        np.save(folder / AXES, flow.link_axes)
    content = {
        "format": FORMAT,
        "channels": channels,
        "gates": [one.to_json() for one in flow.as_trained or flow.gates],
        "config": flow.config.model_dump(mode="json"),
        "choices": flow.choices,
        "seed": flow.seed,
    }
    (folder / FILE).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    if flow.dial is not None:
        (folder / DIAL).write_text(json.dumps(flow.dial.to_json(), indent=1, sort_keys=True) + "\n")


def save_channels(folder: Path, channels: Sequence[Channel]) -> list[dict[str, Any]]:
    """Writes the channels' matrices; what :func:`load_channels` needs to know besides, as JSON."""
    about = []
    for number, channel in enumerate(channels):
        shapes = []
        for place, factor in enumerate(channel.factors):
            shapes.append(_save_factor(folder, f"{number:02d}-{place}", factor))
        for side in ("sources", "targets"):
            ids = getattr(channel, side)
            if ids is not None:
                np.save(folder / f"{number:02d}-{side}.npy", ids)
        about.append(
            {
                "name": channel.name,
                "kind": channel.kind,
                "knowledge": channel.knowledge,
                "factors": shapes,
                "sources": channel.sources is not None,
                "targets": channel.targets is not None,
            }
        )
    return about


def load_channels(folder: Path, about: Sequence[dict[str, Any]]) -> tuple[Channel, ...]:
    """What :func:`save_channels` wrote; matrices stay on disk until their rows are used.

    Raises:
        OSError: a file is missing; ValueError: it is damaged.
    """
    return tuple(_load_channel(folder, number, one) for number, one in enumerate(about))


def load_flow(folder: str | Path) -> Flow:
    """Reads what :func:`save_flow` wrote; large matrices stay on disk until their rows are used.

    Raises:
        StaleError: there is no such model, or it is of another format.
    """
    folder = Path(folder)
    remedy = "run `kgrec train RECIPE`"
    try:
        content: dict[str, Any] = json.loads((folder / FILE).read_text())
    except FileNotFoundError as error:
        raise StaleError("no flow model here", file=folder, remedy=remedy) from error
    except ValueError as error:
        raise StaleError("the flow model cannot be read", file=folder / FILE, remedy=remedy) from error
    if content.get("format") != FORMAT:
        raise StaleError(
            "the flow model is of another format version",
            file=folder,
            value=content.get("format"),
            expected=str(FORMAT),
            remedy=remedy,
        )
    try:
        channels = load_channels(folder, content["channels"])
        catalogue = Catalogue(np.load(folder / "degree.npy"), np.load(folder / "foretold.npy"))
        axes = _open(folder / AXES) if (folder / AXES).is_file() else None
    except (OSError, ValueError) as error:
        raise StaleError(f"the flow model cannot be read: {error}", file=folder, remedy=remedy) from error
    gates = tuple(Gates.from_json(one) for one in content["gates"])
    config = FlowConfig.model_validate(content["config"])
    file = folder / DIAL
    dial = Dial.from_json(json.loads(file.read_text())) if file.is_file() else None
    return Flow(channels, gates, catalogue, config, content["choices"], content["seed"], dial, link_axes=axes)


def _save_factor(folder: Path, name: str, factor: Factor) -> list[int] | None:
    """Shape of a sparse factor; None for a dense one, whose file knows it."""
    if not sp.issparse(factor):
        np.save(folder / f"{name}.npy", np.ascontiguousarray(factor, dtype=np.float32))
        return None
    matrix = sp.csr_array(factor)
    for part in ("data", "indices", "indptr"):
        np.save(folder / f"{name}-{part}.npy", getattr(matrix, part))
    return [int(side) for side in matrix.shape]


def _load_channel(folder: Path, number: int, about: dict[str, Any]) -> Channel:
    factors = tuple(
        _load_factor(folder, f"{number:02d}-{place}", shape) for place, shape in enumerate(about["factors"])
    )
    sides = {
        side: _open(folder / f"{number:02d}-{side}.npy") if about[side] else None for side in ("sources", "targets")
    }
    return Channel(about["name"], about["kind"], factors, knowledge=about["knowledge"], **sides)


def _load_factor(folder: Path, name: str, shape: list[int] | None) -> Factor:
    if shape is None:
        return _open(folder / f"{name}.npy")
    data, indices, indptr = (_open(folder / f"{name}-{part}.npy") for part in ("data", "indices", "indptr"))
    return sp.csr_array((data, indices, indptr), shape=(shape[0], shape[1]))


def _open(path: Path) -> NDArray[Any]:
    # as a plain array: every slice of a memmap object would pay for being one
    return np.asarray(np.load(path, mmap_mode="r"))
