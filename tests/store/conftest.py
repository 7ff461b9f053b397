"""The stores that the contract suite runs against; the next one is another line of STORES."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kgrec.store import OxigraphStore, SparqlStore

BASE = "urn:test:"


def _oxigraph(folder: Path, read_only: bool) -> SparqlStore:
    return OxigraphStore(folder / "oxigraph", base=BASE, read_only=read_only)


STORES: dict[str, Callable[[Path, bool], SparqlStore]] = {"oxigraph": _oxigraph}

Open = Callable[..., SparqlStore]


@pytest.fixture(params=sorted(STORES))
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """``open_store()`` opens the test's store, ``open_store(name, read_only=True)`` another folder's."""
    opened: list[SparqlStore] = []

    def opener(name: str = "store", read_only: bool = False) -> SparqlStore:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        store = STORES[request.param](folder, read_only)
        opened.append(store)
        return store

    yield opener
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> SparqlStore:
    return open_store()
