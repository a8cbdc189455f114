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
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    VariableValues,
    get_named_type,
)

from app.auth.permissions import Access, Permission
from app.auth.viewer import Viewer
from app.db.crypto import CustomerCipher
from app.planner.arguments import Given
from app.planner.collecting import Reason, UnplannedError
from app.planner.cursors import Entrance
from app.planner.disclosure import Disclosure
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


# What a root field names: a row, none, or rows in the order of their ids.
Named = GlobalId | list[GlobalId] | None


@dataclass
class Run:
    """One execution of a plan.

    ``rows`` are the identities that its root fields name, ``made`` the values of root fields that
    Python made, both by response key. ``array`` is what the statement gave.
    """

    viewer: Viewer
    context: Any
    variables: VariableValues
    rows: Mapping[str, Named]
    made: Mapping[str, Any] = field(default_factory=dict)
    array: Any = None
    place: Place = field(default_factory=Place)
    errors: list[GraphQLError] = field(default_factory=list)
    # The keys of the row that the page which is being read stands below.
    keys: Sequence[object] = ()
    # Where pages begin that begin at a cursor, by the prefix of their window.
    entrances: dict[str, Entrance] = field(default_factory=dict)
    ciphers: dict[tuple[str, str], CustomerCipher] = field(default_factory=dict)
    of_viewer: dict[object, Any] = field(default_factory=dict)
    # The rows' arrays that made objects name, by id.
    by_id: dict[object, dict[UUID, Any]] = field(default_factory=dict)
    # Whose data of which class was shown clear, the owners as the database wrote them.
    exposed: defaultdict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))
    _given: dict[Given, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def reader(self) -> Reader:
        """What the operation reads with."""
        reader: Reader = self.context.reader
        return reader

    @property
    def disclosure(self) -> Disclosure:
        """What the operation shows."""
        disclosure: Disclosure = self.context.disclosure
        return disclosure

    def given(self, arguments: Given) -> Mapping[str, Any]:
        """Give a field's arguments, with this run's variables."""
        if arguments not in self._given:
            self._given[arguments] = arguments.of(self.variables)
        return self._given[arguments]

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


def of_viewer(function: Callable[[Viewer], Any], made: Reading) -> Reading:
    """Read what follows from who is asking: the same for every row of a run, but no longer."""
    key = object()

    def read(_values: Any, run: Run) -> Any:
        if key not in run.of_viewer:
            run.of_viewer[key] = made.read(function(run.viewer), run)
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


def unless_null(reading: Reading) -> Reading:
    """Read a value that may be null."""
    read = reading.read
    return Reading(
        lambda value, run: None if value is None else read(value, run), marks=reading.marks
    )


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


def uuid(text: str | None) -> UUID | None:
    """Read an id."""
    return None if text is None else UUID(text)
