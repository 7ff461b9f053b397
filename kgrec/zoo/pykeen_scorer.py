"""Scores (user, likes, item) with a PyKEEN model; PyKEEN is imported where a model is built."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config.recipe import EmbeddingConfig
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import RecipeError, StaleError
from kgrec.zoo.data import ZooData
from kgrec.zoo.scorers import ZooScorer, known_users

if TYPE_CHECKING:
    from pykeen.models import Model

CELLS = 16_000_000
"""Numbers held at a time: 64 MB as float32."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "TransE": {"scoring_fct_norm": 2, "entity_constrainer": None},
    "DistMult": {"entity_constrainer": None},
}
"""Where PyKEEN's defaults do not serve: unit norms leave a softmax over items almost flat."""
CHOICE = "choice"
"""Name of the array that holds the model's choice as JSON."""


@dataclass(frozen=True)
class TriplesConfig:
    """Which PyKEEN model: its name, dimension and keyword arguments."""

    model: str
    dim: int
    model_kwargs: dict[str, Any] = field(default_factory=dict)


def build_model(data: ZooData, chosen: TriplesConfig, seed: int) -> Model:
    """An untrained model over all entities and users, with "likes" after the knowledge graph's relations.

    Args:
        data: its triples and training pairs are what PyKEEN is told of the graph.
        chosen: the model.
        seed: of the initial weights; the global random states are left as they were.

    Raises:
        RecipeError: PyKEEN has no such model, or it refuses its arguments.
    """
    import torch

    from kgrec.embeddings.environment import own_randomness, quiet_pykeen

    likes = np.full(len(data.users), len(data.relations))
    triples = np.concatenate([data.triples, np.stack([data.users + data.num_entities, likes, data.items], axis=1)])
    settings = {**DEFAULTS.get(chosen.model, {}), **chosen.model_kwargs}
    with quiet_pykeen(), own_randomness(seed):
        from pykeen.triples import CoreTriplesFactory

        from kgrec.embeddings.models import make_model

        factory = CoreTriplesFactory.create(
            torch.from_numpy(triples),
            num_entities=data.num_entities + data.num_users,
            num_relations=len(data.relations) + 1,
        )
        try:
            model = make_model(
                EmbeddingConfig(model=chosen.model, dim=chosen.dim, model_kwargs=settings), factory, seed
            )
        except RecipeError as error:
            # The same setting, under the name it has here.
            error.column = str(error.column).removeprefix("embedding.")
            error.args = (error.message(),)
            raise
    return model


@dataclass(frozen=True, eq=False)
class PykeenScorer(ZooScorer):
    """``score(u, i) = f(u, likes, i)``.  Users are entities: one who was not in training scores zeros.

    Attributes:
        chosen: which model.
        model: the trained model.
        num_users, num_items, num_entities, num_relations: sizes; users' ids begin at ``num_entities``, "likes" is the
            relation ``num_relations``.
    """

    kind: ClassVar[str] = "pykeen"
    name: str
    chosen: TriplesConfig
    model: Model
    num_users: int
    num_items: int
    num_entities: int
    num_relations: int

    @classmethod
    def of(cls, name: str, data: ZooData, chosen: TriplesConfig, model: Model) -> Self:
        """A copy of the model as it stands."""
        return cls(
            name,
            chosen,
            copy.deepcopy(model).cpu().eval(),
            data.num_users,
            data.num_items,
            data.num_entities,
            len(data.relations),
        )

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        import torch

        scores = np.zeros((histories.shape[0], self.num_items), dtype=np.float32)
        known = known_users(users, self.num_users)
        if users is None or not known.size:
            return scores
        items = torch.arange(self.num_items)
        block = max(1, CELLS // (self.num_items * self.chosen.dim))
        with torch.no_grad():
            for start in range(0, len(known), block):
                rows = known[start : start + block]
                heads = torch.from_numpy(users[rows]) + self.num_entities
                asked = torch.stack([heads, torch.full_like(heads, self.num_relations)], dim=1)
                scores[rows] = self.model.score_t(asked, tails=items).numpy()
        return scores

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        state = {name: tensor.numpy() for name, tensor in self.model.state_dict().items()}
        return {**state, CHOICE: np.frombuffer(json.dumps(asdict(self.chosen), sort_keys=True).encode(), np.uint8)}

    @classmethod
    def restore(cls, name: str, arrays: Mapping[str, NDArray[np.generic]], snapshot: Snapshot) -> Self:
        import torch

        chosen = TriplesConfig(**json.loads(arrays[CHOICE].tobytes()))
        data = ZooData.of(snapshot)
        model = build_model(data, chosen, seed=0)
        try:
            model.load_state_dict({key: torch.tensor(part) for key, part in arrays.items() if key != CHOICE})
        except RuntimeError as error:
            raise StaleError("the model was trained on another snapshot", remedy="train it again") from error
        return cls.of(name, data, chosen, model)
