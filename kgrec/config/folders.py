"""Folders that the user names."""

from __future__ import annotations

from pathlib import Path

from kgrec.errors import UserError


def make_folder(path: Path, remedy: str) -> None:
    """Makes a folder and those above it; one that is there stays.

    Raises:
        UserError: a file stands in its place, or nothing may be made there.
        OSError: the disk is at fault.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError("there is a file where a folder should be", file=path, remedy=remedy) from error
    except (FileNotFoundError, PermissionError) as error:
        raise UserError(f"cannot make this folder: {error.strerror}", file=path, remedy=remedy) from error
