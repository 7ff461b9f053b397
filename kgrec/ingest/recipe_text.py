"""Writes TOML: values, and tables with a comment above."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence


def toml_value(value: object) -> str:
    """A value as TOML; a string with a backslash as a literal string where that can be."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if "\\" in value and "'" not in value and value.isprintable():
            return f"'{value}'"
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(toml_value, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def toml_table(header: str, values: Mapping[str, object], comments: Sequence[str] = ()) -> str:
    """One table; keys whose value is None are left out.

    Args:
        header: with its brackets, for example ``[[table]]``; empty for the top of the file.
        values: key → value.
        comments: lines above the header.
    """
    lines = [f"# {comment}" for comment in comments]
    lines += [header] if header else []
    lines += [f"{key} = {toml_value(value)}" for key, value in values.items() if value is not None]
    return "\n".join(lines) + "\n"
