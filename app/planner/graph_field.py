"""The Strawberry field of a declared kind: its arguments and its reference resolver."""

from collections.abc import Mapping
from typing import Any, Final

from strawberry.annotation import StrawberryAnnotation
from strawberry.types import Info
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryContainer, StrawberryList, get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType
from strawberry.types.unset import UNSET
from strawberry.utils.str_converters import to_camel_case

from app.planner import relations
from app.planner.costs import PAGE
from app.planner.fields import Column, Kind, Relation, Union, Valued
from app.planner.guards import GUARD, Guard
from app.planner.made_fields import Later, OfMade, OfViewer, RowOf
from app.planner.projection import Projection, Row

KIND: Final = "kind"


def _argument(name: str, annotation: Any, description: str) -> StrawberryArgument:
    return StrawberryArgument(
        python_name=name,
        # A trailing underscore keeps clear of Python's own words.
        graphql_name=to_camel_case(name.rstrip("_")),
        type_annotation=StrawberryAnnotation(annotation),
        default=UNSET,
        description=description,
    )


PAGE_ARGUMENTS: Final = (
    _argument("first", int | None, "Rows from the beginning, or after `after`: 20 unless given."),
    _argument("after", str | None, "Begin after the row with this cursor."),
    _argument("last", int | None, "Rows from the end, or before `before`."),
    _argument("before", str | None, "End before the row with this cursor."),
)


def list_arguments(projection: Projection, *, paged: bool) -> list[StrawberryArgument]:
    """Give the arguments of a list of a projection's rows."""
    arguments = []
    if projection.filter_input is not None:
        wanted: Any = projection.filter_input
        arguments.append(_argument("filter", wanted | None, "Which rows; all unless given."))
    if projection.sort_enum is not None:
        default = next(iter(projection.orders))
        order: Any = projection.sort_enum
        arguments.append(_argument("sort", order | None, f"The order; {default} unless given."))
    return [*arguments, *(PAGE_ARGUMENTS if paged else ())]


class GraphField(StrawberryField):
    """A field whose metadata holds its kind."""

    @property
    def kind(self) -> Kind:
        """The declaration."""
        kind = self.metadata[KIND]
        assert isinstance(kind, Kind)
        return kind

    @property
    def guard(self) -> Guard | None:
        """What the field itself needs, beside what it leads to."""
        guard: Guard | None = self.metadata[GUARD]
        return guard

    @property
    def is_basic_field(self) -> bool:
        """Whether the default resolver gives the value: Strawberry's fast path."""
        return isinstance(self.kind, Column) and not self.extensions

    @property
    def is_list(self) -> bool:
        """Whether the field's type is a plain list."""
        return any(isinstance(layer, StrawberryList) for layer in _layers(self.type))

    def child(self) -> Projection:
        """Give the projection that the field's type names."""
        return child_projection(self.type)

    @property  # type: ignore[misc]  # They follow from the kind and are never set.
    def arguments(self) -> list[StrawberryArgument]:
        """The arguments that the kind implies, made when the schema is built."""
        if self._arguments is None:
            kind = self.kind
            if isinstance(kind, Union):
                self._arguments = list(PAGE_ARGUMENTS)
            elif isinstance(kind, Relation) and (kind.paged or self.is_list):
                self._arguments = list_arguments(self.child(), paged=kind.paged)
            else:
                self._arguments = []
            if isinstance(kind, Relation):
                self._arguments += [
                    _argument(each.name, each.type | None, each.description)
                    for each in kind.arguments
                ]
        return self._arguments

    def get_result(
        self, source: Any, info: Info | None, args: list[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Resolve the field for a row."""
        del args
        kind = self.kind
        if isinstance(kind, Column):
            return self.default_resolver(source, self.python_name)
        assert info is not None
        if isinstance(kind, Relation) and kind.entry:
            return relations.resolve_root(kind, self.child(), info, kwargs)
        if isinstance(kind, OfMade):
            return self._made(kind, source, info)
        assert isinstance(source, Row)
        if isinstance(kind, Relation):
            return relations.resolve(
                self.python_name, kind, source, info, kwargs, is_list=self.is_list
            )
        if isinstance(kind, Union):
            return relations.resolve_union(self.python_name, kind, source, info, kwargs)
        assert isinstance(kind, Valued)
        return kind.value(self.python_name, source, info.context.reader)

    def _made(self, kind: OfMade, source: Any, info: Info) -> Any:
        if isinstance(kind, RowOf):
            return relations.resolve_row(self.child(), getattr(source, kind.attribute), info)
        if isinstance(kind, Later):
            return kind.function(info.context)
        assert isinstance(kind, OfViewer)
        return kind.function(info.context.viewer)


def _layers(type_: Any) -> Any:
    while True:
        yield type_
        if isinstance(type_, StrawberryContainer):
            type_ = type_.of_type
        elif isinstance(type_, LazyType):
            type_ = type_.resolve_type()
        else:
            return


def child_projection(type_: Any) -> Projection:
    """Give the projection at the bottom of a field's type, through lists and connections."""
    *_, bottom = _layers(type_)
    definition = get_object_definition(bottom, strict=True)
    if definition.type_var_map:
        return child_projection(next(iter(definition.type_var_map.values())))
    projection = definition.origin.__projection__
    assert isinstance(projection, Projection)
    return projection


def described(description: str, guard: Guard | None) -> str:
    """Add to a description who may see it: the directive is not visible by introspection."""
    return description + (guard.sentence() if guard else "")


def declared(
    kind: Kind, description: str, guard: Guard | None, *, deprecated: str | None = None
) -> Any:
    """Make the field of a kind."""
    is_page = isinstance(kind, Union) or (isinstance(kind, Relation) and kind.paged)
    made = GraphField(
        metadata={KIND: kind, GUARD: guard},
        description=described(description, guard),
        deprecation_reason=deprecated,
        directives=[*(guard.directives() if guard else ()), *([PAGE] if is_page else ())],
    )
    # What is made later is no argument of the class.
    made.init = not isinstance(kind, OfMade)
    return made
