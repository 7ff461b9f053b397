"""The recipe: one TOML file that says everything a run needs.

Each class is one table of the file; unknown keys are refused.  The tables stand in the modules beside, by what they
speak of; here they are put together.  Nothing here reads data or imports a framework.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from kgrec.config.flow import FlowConfig
from kgrec.config.graph import GraphConfig, StoreConfig
from kgrec.config.interactions import InteractionsConfig, KCore, SplitConfig
from kgrec.config.model import InputConfig, ModelConfig, TrainingConfig
from kgrec.config.outcome import EvaluationConfig, ExplainConfig, ReportConfig
from kgrec.config.section import Name, Section
from kgrec.config.sources import (
    Attribute,
    Join,
    JsonList,
    LiteralMatch,
    Neo4jNodes,
    Neo4jRelationships,
    Neo4jSource,
    RdfFormat,
    RdfSource,
    RecboleSource,
    TableFile,
    TableFormat,
    TableSource,
    source_name,
)
from kgrec.config.vectors import EmbeddingConfig, TextConfig

__all__ = [
    "Attribute",
    "EmbeddingConfig",
    "EvaluationConfig",
    "ExplainConfig",
    "FlowConfig",
    "GraphConfig",
    "InputConfig",
    "InteractionsConfig",
    "Join",
    "JsonList",
    "KCore",
    "LiteralMatch",
    "ModelConfig",
    "Name",
    "Neo4jNodes",
    "Neo4jRelationships",
    "Neo4jSource",
    "RdfFormat",
    "RdfSource",
    "RecboleSource",
    "Recipe",
    "ReportConfig",
    "Section",
    "SplitConfig",
    "StoreConfig",
    "TableFile",
    "TableFormat",
    "TableSource",
    "TextConfig",
    "TrainingConfig",
    "source_name",
]


class Recipe(Section):
    """A whole run.

    Attributes:
        name: of the run.
        base: IRI prefix of nodes made from table rows; ends in ``/`` or ``#``.
        seed: the one seed.
        data: data directory, relative to the recipe.
        run_dir: artefacts, relative to the working directory; by default ``runs/<name>``.
        max_rejects: how many bad rows are put aside before the build is refused.
        prefixes: short names for IRIs, besides the usual ones.
    """

    name: Name
    base: str = "urn:kgrec:"
    seed: int = Field(default=0, ge=0, lt=2**32)
    data: str = "."
    run_dir: str | None = None
    max_rejects: int = Field(default=0, ge=0)
    prefixes: dict[str, str] = Field(default_factory=dict)

    interactions: InteractionsConfig
    split: SplitConfig = SplitConfig()
    table: tuple[TableSource, ...] = ()
    rdf: tuple[RdfSource, ...] = ()
    recbole: tuple[RecboleSource, ...] = ()
    neo4j: tuple[Neo4jSource, ...] = ()
    graph: GraphConfig = GraphConfig()
    store: StoreConfig = StoreConfig()

    text: TextConfig = TextConfig()
    embedding: EmbeddingConfig = EmbeddingConfig()
    model: ModelConfig = ModelConfig()
    flow: FlowConfig = FlowConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    explain: ExplainConfig = ExplainConfig()
    report: ReportConfig = ReportConfig()

    @model_validator(mode="after")
    def _whole(self) -> Recipe:
        given = sum(part.interactions for source in self.neo4j for part in source.relationships)
        if given + bool(self.interactions.file) > 1:
            raise ValueError("the interactions come from one place: interactions.file, or one kind of relationship")
        if not self.interactions.file and not given and self.split.kind != "files":
            raise ValueError("interactions.file is missing (only split.kind = 'files' can do without it)")
        if given and self.split.kind == "files":
            raise ValueError("split.kind = 'files' and interactions out of Neo4j exclude each other")
        sources: tuple[TableSource | RdfSource | RecboleSource | Neo4jSource, ...]
        sources = (*self.table, *self.rdf, *self.recbole, *self.neo4j)
        names = [source_name(source) for source in sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sources are called {name!r}: give one of them another name")
        if self.interactions.user_type == self.interactions.item_type:
            raise ValueError("users and items need different types")
        return self
