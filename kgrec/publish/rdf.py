"""Explanations as RDF: one named graph a run, with the terms of PROV-O.

The graph is ``<base>explanation/<run>``.  An explanation is a ``prov:Entity`` that ``prov:wasGeneratedBy`` the run and
``prov:wasDerivedFrom`` the facts and interactions on its paths.  A hop over a fact or an interaction is an
``rdf:Statement`` (a fact ``prov:wasDerivedFrom`` the graphs of the sources that state it); a hop that was learned is
none: it is a ``kgrec:LearnedHop`` with its kind and support, and ``prov:wasGeneratedBy`` the run.

A ``kgrec:Intervention`` is the user's list ``kgrec:without`` a node, or without the fact between two: its
``kgrec:place`` s have ``kgrec:at``, ``kgrec:listed`` and, where the item was in the list, ``kgrec:was``; it
``kgrec:costs`` the items that were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from pyoxigraph import Literal, NamedNode, Quad

from kgrec.config.iris import KGREC, PREFIXES, RDF_TYPE, RDFS_LABEL, explanation_graph, source_graph
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import UnknownIdError
from kgrec.explain.types import Node, Relation
from kgrec.publish.absences import Absence
from kgrec.publish.passed import Passed
from kgrec.publish.records import Owner, Person, Reason, Record, absence_id
from kgrec.store import OxigraphStore

PROV, RDF, XSD = PREFIXES["prov"], PREFIXES["rdf"], PREFIXES["xsd"]
TYPE, LABEL = NamedNode(RDF_TYPE), NamedNode(RDFS_LABEL)
DERIVED, GENERATED = NamedNode(PROV + "wasDerivedFrom"), NamedNode(PROV + "wasGeneratedBy")

OF_USER = f"?root <{KGREC}user> {{user}} ; (<{KGREC}path>|<{KGREC}hop>|<{KGREC}place>)* ?subject"
"""The resources of one user's explanations and interventions."""

Value = NamedNode | str | int | float
Pairs = dict[NamedNode | str, Value]
"""Predicates, those of kgrec by their names, and objects."""


class RdfPublisher:
    """Writes and removes what runs own in the embedded store.

    Args:
        store: open for writing.
    """

    def __init__(self, store: OxigraphStore) -> None:
        self.store = store
        self.statements: Statements | None = None

    def prepare(self, snapshot: Snapshot, owner: Owner) -> None:
        """Takes note of the snapshot with which the records are made; the store is its owner's alone."""
        self.statements = Statements(self.store.base, snapshot)

    def write(self, run: str, user: Person, records: Sequence[Record], absences: Sequence[Absence] = ()) -> None:
        """Replaces the explanations and interventions that a run has of one user, in one transaction."""
        if self.statements is None:
            raise ValueError("expected prepare() first")
        graph = explanation_graph(self.store.base, run)
        quads = [quad for record in records for quad in self.statements.of(record)]
        quads += [quad for absence in absences for quad in self.statements.without(run, user, absence)]
        self.store.replace_published(graph, OF_USER.format(user=NamedNode(user.node.id)), quads)

    def forget(self, run: str, kept: Sequence[Person]) -> None:
        """Removes a run's explanations of all users but these, one transaction a user."""
        graph = explanation_graph(self.store.base, run)
        users = {row[0] for row in self.store.query(f"SELECT ?u FROM <{graph}> {{ ?e <{KGREC}user> ?u }}").rows}
        for user in sorted(users - {NamedNode(person.node.id) for person in kept}, key=str):
            self.store.replace_published(graph, OF_USER.format(user=user), [])

    def runs(self) -> list[str]:
        """Names of the runs that have explanations here, sorted."""
        prefix = explanation_graph(self.store.base, "")
        return sorted(unquote(graph.removeprefix(prefix)) for graph in self.store.published())

    def remove(self, run: str) -> int:
        """Removes a run's graph, and nothing else; how many explanations there were.

        Raises:
            UnknownIdError: the run has none here; the nearest runs are named.
        """
        known = self.runs()
        if run not in known:
            raise UnknownIdError("published run", run, known)
        graph = explanation_graph(self.store.base, run)
        result = self.store.query(f"SELECT (COUNT(*) AS ?n) FROM <{graph}> {{ ?e a <{KGREC}Explanation> }}")
        self.store.remove_published(graph)
        term = result.rows[0][0]
        return int(term.value) if isinstance(term, Literal) else 0


class Statements:
    """Turns records into statements.

    Args:
        base: the recipe's base IRI.
        snapshot: with which the records were made.
    """

    def __init__(self, base: str, snapshot: Snapshot) -> None:
        self.base = base
        self.passed = Passed(snapshot)
        self.relations: dict[str, str] = dict(snapshot.relations.select("name", "iri").iter_rows())

    def of(self, record: Record) -> Iterator[Quad]:
        """The statements of one explanation, in the graph of its run."""
        name = explanation_graph(self.base, record.run)
        graph, run = NamedNode(name), NamedNode(f"{name}:run")
        me = NamedNode(f"{explanation_graph(self.base, '')}{record.id}")

        def state(subject: NamedNode, pairs: Pairs) -> Iterator[Quad]:
            return _state(graph, subject, pairs)

        yield from state(run, {TYPE: NamedNode(PROV + "Activity"), LABEL: record.run})
        yield Quad(me, TYPE, NamedNode(PROV + "Entity"), graph)
        label = f"{record.item.label} for {record.user.node.label}, rank {record.rank}"
        about: Pairs = {
            TYPE: NamedNode(KGREC + "Explanation"),
            LABEL: label,
            GENERATED: run,
            "user": NamedNode(record.user.node.id),
            "item": NamedNode(record.item.id),
            "rank": record.rank,
            "score": record.score,
            "model": record.model,
            "text": record.text,
        }
        yield from state(me, about)
        for name, texts in (("necessary", record.necessary), ("sufficient", record.sufficient)):
            for text in texts or ():
                yield Quad(me, NamedNode(KGREC + name), Literal(text), graph)
        created = Literal(record.created.isoformat(), datatype=NamedNode(XSD + "dateTime"))
        yield Quad(me, NamedNode(PROV + "generatedAtTime"), created, graph)
        for reason in record.reasons:
            path = NamedNode(f"{me.value}/path/{reason.number}")
            yield Quad(me, NamedNode(KGREC + "path"), path, graph)
            yield from state(path, _path(reason))
            nodes = reason.path.nodes
            for position, (a, b, hop) in enumerate(zip(nodes, nodes[1:], reason.path.relations), 1):
                step = NamedNode(f"{path.value}/hop/{position}")
                yield Quad(path, NamedNode(KGREC + "hop"), step, graph)
                ends: Pairs = {
                    "position": position,
                    "from": NamedNode(a.id),
                    "to": NamedNode(b.id),
                }
                yield from state(step, ends)
                if hop.learned:
                    learned: Pairs = {
                        TYPE: NamedNode(KGREC + "LearnedHop"),
                        "kind": hop.kind,
                        "support": hop.support or 0,
                        GENERATED: run,
                    }
                    yield from state(step, learned)
                    continue
                yield Quad(me, DERIVED, step, graph)
                source, target = (a, b) if hop.direction == "forward" else (b, a)
                yield from state(step, self._statement(source, hop, target))
                if hop.kind == "fact":
                    for origin in self.passed.origins(source, hop.name, target):
                        yield Quad(step, DERIVED, NamedNode(source_graph(self.base, origin)), graph)

    def without(self, run: str, user: Person, absence: Absence) -> Iterator[Quad]:
        """The statements of one intervention, in the graph of its run."""
        name = explanation_graph(self.base, run)
        graph = NamedNode(name)
        me = NamedNode(f"{explanation_graph(self.base, '')}{absence_id(run, user.key, absence)}")
        about: Pairs = {
            TYPE: NamedNode(KGREC + "Intervention"),
            LABEL: absence.name,
            GENERATED: NamedNode(f"{name}:run"),
            "user": NamedNode(user.node.id),
            "kind": absence.kind,
            "text": absence.text,
            "effect": absence.effect,
            "changed": len(absence.gone),
        }
        if absence.relation is not None:
            about["relation"] = NamedNode(self.relations[absence.relation])
        yield from _state(graph, me, about)
        for predicate, nodes in (("without", absence.nodes), ("costs", [item for item, _ in absence.gone])):
            for node in nodes:
                yield Quad(me, NamedNode(KGREC + predicate), NamedNode(node.id), graph)
        for one in absence.shows:
            place = NamedNode(f"{me.value}/place/{one.rank}")
            yield Quad(me, NamedNode(KGREC + "place"), place, graph)
            held: Pairs = {"at": one.rank, "listed": NamedNode(one.item.id)}
            yield from _state(graph, place, held if one.was is None else held | {"was": one.was})

    def _statement(self, source: Node, hop: Relation, target: Node) -> Pairs:
        predicate = KGREC + hop.name if hop.kind == "interaction" else self.relations[hop.name]
        return {
            TYPE: NamedNode(RDF + "Statement"),
            "kind": hop.kind,
            NamedNode(RDF + "subject"): NamedNode(source.id),
            NamedNode(RDF + "predicate"): NamedNode(predicate),
            NamedNode(RDF + "object"): NamedNode(target.id),
        }


def _state(graph: NamedNode, subject: NamedNode, pairs: Pairs) -> Iterator[Quad]:
    for predicate, value in pairs.items():
        term = NamedNode(KGREC + predicate) if isinstance(predicate, str) else predicate
        yield Quad(subject, term, _term(value), graph)


def _path(reason: Reason) -> Pairs:
    about: Pairs = {
        TYPE: NamedNode(KGREC + "Path"),
        "number": reason.number,
        "weight": reason.path.weight,
        "share": reason.path.share,
        "text": reason.path.text,
    }
    more = {"effect": reason.path.effect, "rankWithout": reason.path.rank_without}
    return about | {name: value for name, value in more.items() if value is not None}


def _term(value: Value) -> NamedNode | Literal:
    # Python's shortest decimal that reads back as the same number
    if isinstance(value, float):
        return Literal(repr(value), datatype=NamedNode(XSD + "double"))
    return value if isinstance(value, NamedNode) else Literal(value)
