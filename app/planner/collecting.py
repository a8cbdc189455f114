"""Which fields an operation selects on an object (GraphQL, section "Field Collection")."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    NamedTypeNode,
    SelectionSetNode,
    VariableValues,
    get_argument_values,
    is_abstract_type,
)

_CONDITIONS = {"skip": GraphQLSkipDirective, "include": GraphQLIncludeDirective}


class Reason(StrEnum):
    """Why the reference executor answers, for the metrics."""

    ARGUMENT = "argument"
    CURSOR = "cursor"
    DIRECTIVE = "directive"
    FIELD = "field"
    ID = "id"
    NULL = "null"
    REFUSED = "refused"
    SHARED_VALUE = "shared value"
    SIZE = "size"
    VALUE = "value"


class UnplannedError(Exception):
    """No plan is made of an operation, or a plan does not fit what it read; the text says why.

    The reference executor answers instead, so this never reaches a client.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        """Take the reason, and what it is about."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Collector:
    """Collects the fields of one operation's selections."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
    ) -> None:
        """Take the document's fragments and the operation's coerced variables."""
        self.schema = schema
        self.fragments = fragments
        self.variables = variables

    def fields(
        self, sets: Sequence[SelectionSetNode], type_: GraphQLObjectType
    ) -> dict[str, list[FieldNode]]:
        """Give the nodes of each response key on an object of a type, in the answer's order."""
        found: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for selections in sets:
            self._collect(selections, type_, found, seen)
        return found

    def below(
        self, nodes: Sequence[FieldNode], type_: GraphQLObjectType
    ) -> dict[str, list[FieldNode]]:
        """Give what the nodes of one response key select on an object of a type."""
        return self.fields([node.selection_set for node in nodes if node.selection_set], type_)

    def _collect(
        self,
        selections: SelectionSetNode,
        type_: GraphQLObjectType,
        found: dict[str, list[FieldNode]],
        seen: set[str],
    ) -> None:
        for node in selections.selections:
            if not self._is_wanted(node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if self._fits(node.type_condition, type_):
                    self._collect(node.selection_set, type_, found, seen)
            else:
                assert isinstance(node, FragmentSpreadNode)
                name = node.name.value
                if name in seen:
                    continue
                seen.add(name)
                fragment = self.fragments[name]
                if self._fits(fragment.type_condition, type_):
                    self._collect(fragment.selection_set, type_, found, seen)

    def _is_wanted(self, directives: Sequence[DirectiveNode]) -> bool:
        wanted = True
        for directive in directives:
            name = directive.name.value
            if name not in _CONDITIONS:
                raise UnplannedError(Reason.DIRECTIVE, f"directive {name}")
            condition = self.arguments(_CONDITIONS[name], directive)["if"]
            wanted = wanted and (condition if name == "include" else not condition)
        return wanted

    def arguments(self, definition: Any, node: Any) -> dict[str, Any]:
        """Give the coerced arguments of a field or directive."""
        return get_argument_values(definition, node, self.variables)

    def _fits(self, condition: NamedTypeNode | None, type_: GraphQLObjectType) -> bool:
        if condition is None or condition.name.value == type_.name:
            return True
        named = self.schema.get_type(condition.name.value)
        if not is_abstract_type(named):
            return False
        abstract: GraphQLAbstractType = named
        return self.schema.is_sub_type(abstract, type_)
