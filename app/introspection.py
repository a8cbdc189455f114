"""Who may ask for the schema itself."""

from typing import Final, Literal

from graphql import DocumentNode, FieldNode, Visitor, visit

from app.auth.permissions import Role
from app.auth.viewer import Viewer
from app.planner.errors import FORBIDDEN, RefusedError

Audience = Literal["everyone", "staff"]

_FIELDS: Final = frozenset({"__schema", "__type"})


class _Finder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_field(self, node: FieldNode, *_place: object) -> object:
        """Notice a field of introspection, wherever it stands."""
        self.found = node.name.value in _FIELDS
        return self.BREAK if self.found else None


def introspects(document: DocumentNode) -> bool:
    """Tell whether a document asks for the schema; ``__typename`` alone does not."""
    finder = _Finder()
    visit(document, finder)
    return finder.found


def hidden_from(viewer: Viewer, audience: Audience) -> RefusedError | None:
    """Give the refusal of a viewer for whom the schema is not, or None."""
    if audience == "everyone" or viewer.role is not Role.CUSTOMER:
        return None
    return RefusedError("the schema is shown to people who work for the bank", FORBIDDEN)
