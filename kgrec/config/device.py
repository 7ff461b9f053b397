"""Where text is encoded and embeddings are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgrec.errors import UserError, shorten

if TYPE_CHECKING:
    import torch


def torch_device(device: str) -> torch.device:
    """The device; ``auto`` is CUDA where there is one, else the CPU.

    Raises:
        UserError: there is no such device.
    """
    import torch

    try:
        chosen = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"no such device: {shorten(str(error).splitlines()[0], 160)}",
            value=device,
            remedy="use --device cpu or --device auto",
        ) from error
    return chosen
