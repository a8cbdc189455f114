"""How a plan's rows become the answer: small functions, made once for a plan.

Each takes a row's array, as PostgreSQL sent it, and the run that it belongs to.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from strawberry.types.field import StrawberryField

from app.auth.permissions import Access, Permission
from app.auth.viewer import Viewer
from app.db.crypto import CustomerCipher
from app.planner.collecting import Collector, Reason, UnplannedError
from app.planner.disclosure import Disclosure
from app.planner.enforcement import needs
from app.planner.errors import RefusedError
from app.planner.global_id import GlobalId
from app.planner.reader import Reader

TYPENAME = "__typename"
DEFINITION = "strawberry-definition"


class Place(list[str | int]):
    """Where in the answer a run is."""

    def as_list(self) -> list[str | int]:
        """Give the path as it stands now."""
        return list(self)


@dataclass(frozen=True)
class Asked:
    """A field as an operation asks for it: where it is declared, and its merged nodes."""

    type: GraphQLObjectType
    nodes: Sequence[FieldNode]

    @property
    def name(self) -> str:
        """The field's name."""
        return self.nodes[0].name.value

    @property
    def definition(self) -> GraphQLField:
        """The field of the schema."""
        field_: GraphQLField = self.type.fields[self.name]
        return field_

    @property
    def declared(self) -> Any:
        """The field of Strawberry, with its kind."""
        return self.definition.extensions.get(DEFINITION)

    @property
    def objects(self) -> GraphQLObjectType:
        """The type of the objects that the field leads to."""
        found = get_named_type(self.definition.type)
        assert isinstance(found, GraphQLObjectType)
        return found


@dataclass
class Run:
    """One execution of a plan. ``rows`` are the identities that its root fields name."""

    viewer: Viewer
    reader: Reader
    disclosure: Disclosure
    rows: Mapping[str, GlobalId | None]
    variables: Mapping[str, Any]
    place: Place = field(default_factory=Place)
    # What the cursors of the page that is being read are bound to.
    scope: str = ""
    ciphers: dict[tuple[str, str], CustomerCipher] = field(default_factory=dict)
    of_viewer: dict[object, Any] = field(default_factory=dict)
    # Whose data of which class was shown clear, the owners as the database wrote them.
    exposed: defaultdict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))

    def tell_exposures(self) -> None:
        """Note for the audit trail what was shown."""
        for name, owners in self.exposed.items():
            expose = self.disclosure.exposing(name)
            for owner in owners:
                expose(uuid(owner))


Read = Callable[[Any, Run], Any]


class Reading(NamedTuple):
    """What reads a value; ``marks`` when it has to know where in the answer it is."""

    read: Read
    marks: bool = False


def constant(value: Any) -> Reading:
    """Read what is the same for every row, whoever asks."""
    return Reading(lambda _values, _run: value)


def of_viewer(function: Callable[[Viewer], Any], write: Callable[[Any], Any]) -> Reading:
    """Read what follows from who is asking: the same for every row of a run, but no longer."""
    key = object()

    def read(_values: Any, run: Run) -> Any:
        if key not in run.of_viewer:
            run.of_viewer[key] = write(function(run.viewer))
        return run.of_viewer[key]

    return Reading(read)


def denied(permission: Permission, access: Access) -> Reading:
    """Read null, and tell why."""

    def read(_values: Any, run: Run) -> None:
        run.disclosure.deny(run.place, permission, access)

    return Reading(read, marks=True)


def refused(make: Callable[[], RefusedError]) -> Reading:
    """Read null, and tell which argument is refused."""

    def read(_values: Any, run: Run) -> None:
        run.disclosure.refuse(run.place, make())

    return Reading(read, marks=True)


def exposing(reading: Reading, name: str, owner: int | None) -> Reading:
    """Read a value that is personal data, of the customer whose id stands at ``owner``."""
    read = reading.read

    def noted(values: Any, run: Run) -> Any:
        value = read(values, run)
        if value is not None:
            run.exposed[name].add(None if owner is None else values[owner])
        return value

    return Reading(noted, reading.marks)


def present(reading: Reading) -> Reading:
    """Read what must not be null: a null is left to the reference path, which tells of it."""
    read = reading.read

    def checked(values: Any, run: Run) -> Any:
        value = read(values, run)
        if value is None:
            raise UnplannedError(Reason.NULL, "null where there must be a value")
        return value

    return Reading(checked, reading.marks)


def fields_of(fields: Sequence[tuple[str, Reading]]) -> Reading:
    """Read an object."""
    if not any(reading.marks for _, reading in fields):
        plain = [(key, reading.read) for key, reading in fields]

        def read(values: Any, run: Run) -> dict[str, Any]:
            return {key: each(values, run) for key, each in plain}

        return Reading(read)

    def read_with_place(values: Any, run: Run) -> dict[str, Any]:
        found, place = {}, run.place
        for key, reading in fields:
            place.append(key)
            found[key] = reading.read(values, run)
            place.pop()
        return found

    return Reading(read_with_place, marks=True)


def each_of(reading: Reading) -> Reading:
    """Read a list of rows."""
    read = reading.read
    if not reading.marks:
        return Reading(lambda rows, run: [read(row, run) for row in rows])

    def read_with_place(rows: Any, run: Run) -> list[Any]:
        found, place = [], run.place
        for index, row in enumerate(rows):
            place.append(index)
            found.append(read(row, run))
            place.pop()
        return found

    return Reading(read_with_place, marks=True)


def writer(
    collector: Collector, viewer: Viewer, type_: GraphQLType, nodes: Sequence[FieldNode]
) -> Callable[[Any], Any]:
    """Give what writes a value of Python: a scalar, an object of plain attributes, or a list."""
    if is_non_null_type(type_):
        return _written_if_present(writer(collector, viewer, type_.of_type, nodes))
    if is_list_type(type_):
        item = writer(collector, viewer, type_.of_type, nodes)
        return lambda values: None if values is None else [item(value) for value in values]
    if is_leaf_type(type_):
        return lambda value: None if value is None else type_.serialize(value)
    named = get_named_type(type_)
    if not is_object_type(named):
        raise UnplannedError(Reason.FIELD, f"objects of {named}")
    parts = [
        (key, *_attribute(collector, viewer, named, below))
        for key, below in collector.below(nodes, named).items()
    ]

    def write(value: Any) -> Any:
        if value is None:
            return None
        return {key: write_part(get(value)) for key, get, write_part in parts}

    return write


def _written_if_present(write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        if value is None:
            raise UnplannedError(Reason.NULL, "null where there must be a value")
        return write(value)

    return checked


def _attribute(
    collector: Collector, viewer: Viewer, type_: GraphQLObjectType, nodes: Sequence[FieldNode]
) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Give what takes a plain attribute off an object, and what writes it."""
    name = nodes[0].name.value
    if name == TYPENAME:
        return (lambda _value: type_.name), (lambda text: text)
    definition = type_.fields[name]
    declared = definition.extensions.get(DEFINITION)
    access, _ = needs(definition).access(viewer)
    is_plain = isinstance(declared, StrawberryField) and declared.base_resolver is None
    if not is_plain or access is not Access.CLEAR:
        raise UnplannedError(Reason.FIELD, f"field {type_.name}.{name}")
    attribute = declared.python_name
    write = writer(collector, viewer, definition.type, nodes)
    return (lambda value: getattr(value, attribute)), write


def uuid(text: str | None) -> UUID | None:
    """Read an id."""
    return None if text is None else UUID(text)
