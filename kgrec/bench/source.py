"""A hash of what code does: comments, docstrings and layout do not count, so that wording repeats no measurement."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

from kgrec.pipeline.files import ROOTS


@cache
def source_hash(modules: tuple[str, ...]) -> str:
    """SHA-256 over the syntax trees of these modules and packages (``kgrec.flow``, ``graph_builders``)."""
    total = hashlib.sha256()
    for module in sorted(modules):
        top, *rest = module.split(".")
        path = ROOTS[top].joinpath(*rest)
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]:
            total.update(str(file.relative_to(ROOTS[top])).encode())
            total.update(meaning(file).encode())
    return total.hexdigest()


def meaning(file: Path) -> str:
    """The syntax tree of a file as text, without docstrings."""
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # a string that stands for itself: a docstring, or what describes the name above it
            node.body = [part for part in body if not _is_text(part)] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
