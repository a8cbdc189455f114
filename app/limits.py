"""Limits on what one operation may ask for, checked before it runs.

Every fragment is measured once, however often it is spread, so the check takes time linear in
the document, also for nested fragments whose expansion would be exponential.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
)

from app.planner.costs import list_size, weight
from app.planner.errors import RefusedError, too_large
from app.schema.root import LOOK_UPS

_NODES_PER_COST: Final = 100
# Fields of introspection have no declaration that could say so.
_WEIGHT_OF_INTROSPECTION: Final = 10_000
# Plain lists have no size to count by, so what lies below them is counted itself: each object is a
# sub-query of a plan, and a batch of the reference executor. The whole customer has some 110.
_OBJECTS_MAX: Final = 250


@dataclass(frozen=True)
class Limits:
    """The most that one operation may have of each."""

    depth: int
    aliases: int
    root_fields: int
    directives: int
    nodes: int
    cost: int

    def refusal(self, size: "Size") -> RefusedError | None:
        """Give the refusal of an operation that asks for too much, or None."""
        for what, found, most in (
            ("levels of fields", size.depth, self.depth),
            ("aliases", size.aliases, self.aliases),
            ("root fields", size.fields, self.root_fields),
            ("directives", size.directives, self.directives),
            ("rows by the sizes of its pages", size.nodes, self.nodes),
            ("units of cost", size.cost, self.cost),
            ("objects, with its fragments spread out", size.objects, _OBJECTS_MAX),
        ):
            if found > most:
                return too_large(f"the operation has {found} {what}; at most {most} are allowed")
        return None


@dataclass(frozen=True)
class Size:
    """What a selection asks for, with its fragments spread out.

    ``look_ups`` are the fields that find by a complete value, ``objects`` those that have
    selections of their own.
    """

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    directives: int = 0
    nodes: int = 0
    look_ups: int = 0
    weight: int = 0
    objects: int = 0

    @property
    def cost(self) -> int:
        """What the operation counts for in rates: 1, and 1 for every 100 rows that it may read.

        ``weight`` is what it reads beside rows that it shows, in rows.
        """
        return 1 + (self.nodes + self.weight) // _NODES_PER_COST


@dataclass
class Measure:
    """Measures the selections of one document."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    known: dict[str, Size] = field(default_factory=dict)
    # Whether a variable was asked for: without one the size is that of any variables.
    varies: bool = False

    def selections(self, selected: SelectionSetNode, parent: GraphQLNamedType | None) -> Size:
        """Measure a selection set on the type ``parent``."""
        depth = aliases = fields = directives = nodes = look_ups = heavy = objects = 0
        for node in selected.selections:
            if isinstance(node, FieldNode):
                size = self._field(node, parent)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                type_ = self.schema.get_type(condition.name.value) if condition else parent
                size = self.selections(node.selection_set, type_)
            else:
                assert isinstance(node, FragmentSpreadNode)
                size = self._fragment(node.name.value)
            depth = max(depth, size.depth)
            aliases += size.aliases
            fields += size.fields
            directives += size.directives + len(node.directives or ())
            nodes += size.nodes
            look_ups += size.look_ups
            heavy += size.weight
            objects += size.objects
        return Size(depth, aliases, fields, directives, nodes, look_ups, heavy, objects)

    def _fragment(self, name: str) -> Size:
        if name not in self.known:
            fragment = self.fragments[name]
            type_ = self.schema.get_type(fragment.type_condition.name.value)
            self.known[name] = self.selections(fragment.selection_set, type_)
        return self.known[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Size:
        aliases = 1 if node.alias else 0
        if node.selection_set is None:
            return Size(1, aliases, 1)
        if node.name.value.startswith("__"):
            # Introspection is deep by nature, and reads no rows; but it takes its time.
            below = self.selections(node.selection_set, None)
            aliases += below.aliases
            return Size(1, aliases, 1, below.directives, weight=_WEIGHT_OF_INTROSPECTION)
        definition = (
            parent.fields.get(node.name.value)
            if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
            else None
        )
        type_ = get_named_type(definition.type) if definition else None
        below = self.selections(node.selection_set, type_)
        rows = self._rows(node, definition)
        nodes = below.nodes + (weight(type_) if type_ else 0)
        if rows is not None:
            nodes = rows * (1 + nodes)
        look_ups = below.look_ups + (
            parent in {self.schema.query_type, self.schema.mutation_type}
            and node.name.value in LOOK_UPS
        )
        heavy = below.weight + (weight(definition) if definition else 0)
        aliases += below.aliases
        objects = 1 + below.objects
        return Size(1 + below.depth, aliases, 1, below.directives, nodes, look_ups, heavy, objects)

    def _rows(self, node: FieldNode, definition: GraphQLField | None) -> int | None:
        """Give how many rows a page or a list of ids may hold; None for anything else."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        page = list_size(definition) if definition else None
        if page is not None:
            for name in page.slicing_arguments or ():
                size = self._value(given[name]) if name in given else None
                if isinstance(size, int):
                    return max(size, 0)
            return page.assumed_size
        ids = self._value(given["ids"]) if "ids" in given else None
        return len(ids) if isinstance(ids, list) else None

    def _value(self, node: ValueNode) -> Any:
        if isinstance(node, VariableNode):
            self.varies = True
            return self.variables.get(node.name.value)
        if isinstance(node, IntValueNode):
            return int(node.value)
        if isinstance(node, ListValueNode):
            return list(node.values)
        return None


def measure(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> tuple[Size, bool]:
    """Measure a valid operation; tells also whether other variables could give another size.

    ``variables`` are coerced: with their defaults, and of the types that they are declared with.
    """
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    root = schema.get_root_type(operation.operation)
    assert isinstance(root, GraphQLObjectType)
    measuring = Measure(schema, fragments, variables)
    size = measuring.selections(operation.selection_set, root)
    directives = size.directives + len(operation.directives or ())
    return replace(size, directives=directives), measuring.varies


def most_repeated(document: DocumentNode) -> int:
    """Give how often the field that stands most often in a document has selections below it."""
    counts: Counter[str] = Counter()
    pending: list[Any] = list(document.definitions)
    while pending:
        node = pending.pop()
        below = getattr(node, "selection_set", None)
        if below is None:
            continue
        if isinstance(node, FieldNode):
            counts[(node.alias or node.name).value] += 1
        pending += below.selections
    return max(counts.values(), default=0)
