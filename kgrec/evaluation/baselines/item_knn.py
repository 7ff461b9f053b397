"""Item-based nearest neighbours (Sarwar et al., Item-based collaborative filtering, WWW 2001), by implicit."""

from __future__ import annotations

import warnings
from typing import ClassVar, Literal

import scipy.sparse as sp
from pydantic import Field

from kgrec.config.space import OneOf, Space, Whole
from kgrec.evaluation.baselines.base import Baseline, load_implicit
from kgrec.evaluation.baselines.similarity import SimilarityScorer

CLASSES = {"cosine": "CosineRecommender", "tfidf": "TFIDFRecommender", "bm25": "BM25Recommender"}


class ItemKNN(Baseline):
    """``score(u, j) = Σ_{i∈H} sim(i, j)`` over the ``k`` items most like each ``i``, itself not among them.

    Attributes:
        k: neighbours an item.
        similarity: of the items' columns of users: cosine as they are, weighted by tf-idf or by BM25.
    """

    space: ClassVar[Space] = {"k": Whole(5, 1000, log=True), "similarity": OneOf(("cosine", "tfidf", "bm25"))}

    k: int = Field(default=200, ge=1)
    similarity: Literal["cosine", "tfidf", "bm25"] = "tfidf"

    def fit(self, matrix: sp.csr_array, seed: int = 0) -> SimilarityScorer:
        recommender = getattr(load_implicit("nearest_neighbours"), CLASSES[self.similarity])
        model = recommender(K=self.k + 1)  # an item is its own nearest neighbour
        with warnings.catch_warnings():
            # implicit hands itself a COO matrix and warns about it
            warnings.filterwarnings("ignore", message="Method expects CSR input")
            model.fit(sp.csr_matrix(matrix), show_progress=False)
        weights = sp.csr_array(model.similarity)
        weights.setdiag(0)
        weights.eliminate_zeros()
        return SimilarityScorer(f"ItemKNN ({self.similarity}, k={self.k})", weights)
