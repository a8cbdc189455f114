"""What a selection shows alike to all who see one customer, in one post.

Rows of a customer whom the viewer sees are narrowed no further, and rows that belong to nobody are
the same for every post. A selection of nothing else shows the same to everybody of a post who sees
the customer, so it may be read once for all of them. Whatever is not known here to be so is read
for each.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
)
from strawberry.types.field import StrawberryField

from app.db.reach import Reach
from app.planner.fields import Column, Computed, Embedded, Encrypted, Identity, Kind, Relation
from app.planner.for_viewer import ForViewer
from app.planner.graph_field import GraphField

_DEFINITION: Final = "strawberry-definition"
_TYPENAME: Final = "__typename"


class Sharing:
    """Looks through one operation's selections."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        narrowed: frozenset[str],
    ) -> None:
        """Take the operation's fragments; of tables ``narrowed`` not all see the same rows."""
        self._schema = schema
        self._fragments = fragments
        self._narrowed = narrowed
        self._known: dict[tuple[str, bool], bool] = {}

    def is_alike(self, field: FieldNode, type_: Any) -> bool:
        """Tell whether all that is selected below a field of messages is shown alike.

        The messages' own objects are rows of the customer whom the viewer sees.
        """
        return field.selection_set is None or self._set(
            field.selection_set, get_named_type(type_), of_message=True
        )

    def _set(self, selected: SelectionSetNode, type_: Any, *, of_message: bool) -> bool:
        return all(self._node(node, type_, of_message=of_message) for node in selected.selections)

    def _node(self, node: Any, type_: Any, *, of_message: bool) -> bool:
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            within = self._schema.get_type(condition.name.value) if condition else type_
            return self._set(node.selection_set, within, of_message=of_message)
        if isinstance(node, FragmentSpreadNode):
            return self._fragment(node.name.value, of_message=of_message)
        assert isinstance(node, FieldNode)
        return self._field(node, type_, of_message=of_message)

    def _fragment(self, name: str, *, of_message: bool) -> bool:
        key = name, of_message
        if key not in self._known:
            fragment = self._fragments[name]
            within = self._schema.get_type(fragment.type_condition.name.value)
            self._known[key] = self._set(fragment.selection_set, within, of_message=of_message)
        return self._known[key]

    def _field(self, node: FieldNode, type_: Any, *, of_message: bool) -> bool:
        if node.name.value == _TYPENAME:
            return True
        if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            return False
        definition = type_.fields[node.name.value]
        declared = definition.extensions.get(_DEFINITION)
        if isinstance(declared, GraphField):
            known = self._is_of_customer(declared)
        else:
            # A plain attribute; of a message, also what is read for it.
            known = isinstance(declared, StrawberryField) and (
                of_message or declared.base_resolver is None
            )
        if not known or node.selection_set is None:
            return known
        return self._set(node.selection_set, get_named_type(definition.type), of_message=False)

    def _is_of_customer(self, declared: GraphField) -> bool:
        kind = declared.kind
        if isinstance(kind, Relation):
            child = declared.child()
            is_near = child.owner is None or kind.reach(child) is Reach.INSIDE
            return is_near and child.table_name not in self._narrowed
        if isinstance(kind, ForViewer):
            return kind.of_post
        return isinstance(kind, Identity | Encrypted) or not any(map(callable, _sql(kind)))


def _sql(kind: Kind) -> Iterable[Any]:
    """Give what a kind reads: names of columns, or expressions that may read anything."""
    if isinstance(kind, Column):
        return (kind.expression,)
    if isinstance(kind, Embedded):
        return kind.parts.values()
    return kind.needs.values() if isinstance(kind, Computed) else (_sql,)
