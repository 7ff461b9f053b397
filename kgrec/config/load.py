"""Reads a recipe and says what is wrong with it in the user's words."""

from __future__ import annotations

import re
import tomllib
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from kgrec.config.names import check_names
from kgrec.config.recipe import Recipe
from kgrec.errors import RecipeError, nearest


@dataclass(frozen=True)
class Paths:
    """Where a run's files are: the recipe's own path, its data directory and its run directory."""

    recipe: Path
    data: Path
    run: Path


def load_recipe(
    path: str | Path, data: str | Path | None = None, run_dir: str | Path | None = None
) -> tuple[Recipe, Paths]:
    """The validated recipe and the places it names.

    Args:
        path: the TOML file.
        data: data directory instead of the recipe's.
        run_dir: run directory instead of the recipe's.

    Raises:
        RecipeError: missing file, bad TOML, unknown key (the nearest known one is named) or bad value.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise RecipeError(f"cannot read the recipe: {error.strerror}", file=path) from error
    except UnicodeDecodeError as error:
        raise RecipeError("the recipe is not UTF-8", file=path, value=error.object[error.start : error.end]) from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(error, path, text) from error
    recipe = parse_recipe(content, path)
    data_dir = Path(data) if data is not None else path.parent / recipe.data
    return recipe, Paths(path, data_dir, Path(run_dir or recipe.run_dir or f"runs/{recipe.name}"))


def _not_toml(error: tomllib.TOMLDecodeError, path: Path, text: str) -> RecipeError:
    """The parser says where only in its message: ``… (at line 2, column 5)``, ``… (at end of document)``."""
    problem, _, where = str(error).rpartition(" (at ")
    numbers = [int(number) for number in re.findall(r"\d+", where)]
    line, column = numbers if len(numbers) == 2 else (len(text.splitlines()), None)
    lines = text.splitlines()
    value = lines[line - 1].strip() if 0 < line <= len(lines) else None
    return RecipeError(
        f"not TOML: {problem or error}", file=path, line=line, column=column, value=value, expected="TOML 1.0"
    )


def parse_recipe(content: dict[str, Any], path: str | Path = "recipe") -> Recipe:
    """A recipe from its parsed TOML.

    Raises:
        RecipeError: see :func:`load_recipe`; only the first problem is told in full, the others are counted.
    """
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        first = problems[0]
        key = ".".join(str(part) for part in first["loc"]) or None
        value = first.get("input")
        remedy = None
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            problem = "unknown key"
            known = list(_section_at(first["loc"][:-1]).model_fields)
            close = nearest(str(first["loc"][-1]), known)
            remedy = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
            value = None
        elif isinstance(value, dict | list | tuple | BaseModel):
            value = None
        if len(problems) > 1:
            more = f"{len(problems) - 1} more problem(s) after this one"
            remedy = f"{remedy}\n  {more}" if remedy else more
        raise RecipeError(problem, file=path, column=key, value=value, remedy=remedy) from error
    check_names(recipe, path)
    return recipe


def _section_at(loc: tuple[int | str, ...]) -> type[BaseModel]:
    """The model class that a pydantic error location points into."""
    section: type[BaseModel] = Recipe
    for part in loc:
        if isinstance(part, int) or part not in section.model_fields:
            continue
        found = _model_in(section.model_fields[part].annotation)
        if found is None:
            break
        section = found
    return section


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
