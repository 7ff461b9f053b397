"""The recipe: its models, its loader and the IRIs it speaks of."""

from kgrec.config.load import Paths, load_recipe, parse_recipe
from kgrec.config.recipe import Recipe

__all__ = ["Paths", "Recipe", "load_recipe", "parse_recipe"]
