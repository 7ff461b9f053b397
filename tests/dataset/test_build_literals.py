"""Labels that are made from IRIs."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from kgrec.config import iris
from kgrec.dataset.build_literals import labels_of_iris

TAIL = st.text(alphabet="ab1/#:%é4C_ ", max_size=12)


@given(st.lists(st.tuples(st.sampled_from(["http://x.org/", "urn:a:", "http://x.org/y#"]), TAIL), max_size=6))
def test_they_are_local_names_as_the_iris_module_tells_them(parts: list[tuple[str, str]]) -> None:
    given_iris = [head + tail for head, tail in parts]
    kinds = ["T"] * len(given_iris)
    made = labels_of_iris(pl.Series(given_iris, dtype=pl.String), pl.Series(kinds, dtype=pl.String)).to_list()
    for iri, label in zip(given_iris, made, strict=True):
        name = iris.local_name(iri).strip()
        if name:
            assert label == name
        else:
            assert label.startswith("T ")
            assert len(label) == 10
