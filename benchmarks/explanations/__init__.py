"""Explanations of the flow beside those of other methods, all judged by what removing their edges really does."""
