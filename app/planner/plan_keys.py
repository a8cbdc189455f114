"""What an operation's plans are kept under: whatever changes their text.

Conditions, page sizes and orders stand in the text, so each of their values has a plan of its own.
All other values are parameters: of those only the shape counts, such as which conditions a filter
has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

from app.planner.arguments import variables_in

_IN_THE_TEXT: Final = frozenset({"first", "last", "sort"})
_DIGEST_BYTES: Final = 16


@dataclass
class Uses:
    """How an operation uses its variables.

    ``fixed`` change the text with each value. Of the rest, null for a ``whole`` argument means the
    same as nothing at all, which it does not as a ``part`` of one.
    """

    fixed: set[str] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)
    part: set[str] = field(default_factory=set)

    @classmethod
    def of(
        cls, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> "Uses":
        """Find the uses in an operation, and in all fragments that it may spread."""
        found = cls()
        found.fixed.update(variables_in(operation.directives or ()))
        found._walk(operation.selection_set)
        for fragment in fragments.values():
            found._walk(fragment.selection_set)
        return found

    def _walk(self, selections: SelectionSetNode) -> None:
        for node in selections.selections:
            self.fixed.update(variables_in(node.directives or ()))
            if isinstance(node, FieldNode):
                self._field(node)
            elif isinstance(node, InlineFragmentNode):
                self._walk(node.selection_set)

    def _field(self, node: FieldNode) -> None:
        for argument in node.arguments or ():
            value = argument.value
            if argument.name.value in _IN_THE_TEXT:
                self.fixed.update(variables_in([value]))
            elif isinstance(value, VariableNode):
                self.whole.add(value.name.value)
            else:
                self.part.update(variables_in([value]))
        if node.selection_set:
            self._walk(node.selection_set)

    def digest(self, variables: Mapping[str, Any]) -> bytes:
        """Give what coerced variables change of the text, in few bytes however long they are."""
        found = repr(list(self._relevant(variables)))
        return blake2b(found.encode(), digest_size=_DIGEST_BYTES).digest()

    def _relevant(self, variables: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
        for name, value in variables.items():
            if name in self.fixed:
                yield name, value
            elif value is not None or name in self.part:
                yield name, _shape(value)


def _shape(value: Any) -> object:
    """Give what is left of a value without the leaves in it, and without the length of lists."""
    if isinstance(value, Mapping):
        return [(name, _shape(below)) for name, below in value.items()]
    if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        return list(map(_shape, value))
    return value is None
