"""How a plan's rows become the answer: small functions, made once for a plan.

Each takes a row's array, as PostgreSQL sent it, and the run that it belongs to.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import Any, Final
from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as DriverUUID  # noqa: N811 - beside the standard one.
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
    _ids: dict[str, UUID] = field(default_factory=dict)

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

    def uuid(self, text: str) -> UUID:
        """Read an id, each once: the values of a row are all bound to the same few."""
        found = self._ids.get(text)
        if found is None:
            found = self._ids[text] = DriverUUID(text)
        return found

    def tell_exposures(self) -> None:
        """Note for the audit trail what was shown."""
        for name, owners in self.exposed.items():
            expose = self.disclosure.exposing(name)
            for owner in owners:
                expose(None if owner is None else self.uuid(owner))


Read = Callable[[Any, Run], Any]
# Deeper expressions are called instead of written out: Python's parser has a limit.
_DEPTH_MAX: Final = 8
_names = count()


def name_of() -> str:
    """Give a name that no expression has yet."""
    return f"n{next(_names)}"


@dataclass(eq=False)
class Reading:
    """What reads a value: a function, or an expression that becomes one with those around it.

    An expression is Python over ``v``, the row's array, and ``run``; it holds nothing but places,
    names of fields and names in ``names``. So that a whole object is read by one function, whose
    parts cost no call. ``marks`` when it has to know where in the answer it is.
    """

    function: Read | None = None
    marks: bool = False
    source: str = ""
    names: Mapping[str, Any] = field(default_factory=dict)
    depth: int = 0
    # An expression that is null when the value is, where there is one that costs nothing.
    null_test: str | None = None
    never_null: bool = False
    # Of a list, what reads each item.
    item: "Reading | None" = None

    def __post_init__(self) -> None:
        """Call a function by a name."""
        if self.function is not None:
            name = name_of()
            self.source, self.names = f"{name}(v, run)", {name: self.function}

    @cached_property
    def read(self) -> Read:
        """The function."""
        if self.function is not None:
            return self.function
        # The text is put together here, of numbers and of names that GraphQL allows.
        made: Read = eval(f"lambda v, run: {self.source}", dict(self.names))  # noqa: S307
        return made

    def inlined(self) -> "Reading":
        """Give the same as a part of an expression that is not too deep."""
        if self.depth < _DEPTH_MAX:
            return self
        return replace(Reading(self.read, self.marks), never_null=self.never_null)

    def of(self, value: str) -> "Reading":
        """Give what reads the same of another value than ``v``: an expression."""
        if self.item is not None:
            return _listed(self.item, value)
        part = self.inlined()
        return written(f"[{part.source} for v in ({value},)][0]", [part])


def written(
    source: str, parts: Sequence[Reading] = (), names: Mapping[str, Any] | None = None
) -> Reading:
    """Give an expression, made of readings and of what else it names."""
    known = dict(names or {})
    for part in parts:
        known.update(part.names)
    marks = any(part.marks for part in parts)
    depth = 1 + max((part.depth for part in parts), default=-1)
    return Reading(None, marks, source, known, depth)


def constant(value: Any) -> Reading:
    """Read what is the same for every row, whoever asks."""
    name = name_of()
    return replace(written(name, names={name: value}), never_null=value is not None)


def column(place: int, write: Callable[[Any], Any] | Mapping[Any, Any] | None) -> Reading:
    """Read the value at a place of the row's array: as it came, or as ``write`` gives it."""
    at, name = f"v[{place}]", name_of()
    if write is None:
        made = written(at)
    elif isinstance(write, Mapping):
        made = written(f"{name}[{at}]", names={name: write})
    else:
        made = written(f"{name}({at})", names={name: write})
    return replace(made, null_test=at)


def _listed(item: Reading, rows: str) -> Reading:
    return replace(written(f"[{item.source} for v in {rows}]", [item]), never_null=True)


def rows_at(place: int, item: Reading) -> Reading:
    """Read the list of rows at a place."""
    if not item.marks:
        return _listed(item.inlined(), f"v[{place}] or ()")
    read = each_of(item).read
    return Reading(lambda row, run: read(row[place] or (), run), marks=True)


def row_at(place: int, item: Reading) -> Reading:
    """Read the one row at a place, or null."""
    one = item.of(f"v[{place}][0]")
    made = written(f"({one.source} if v[{place}] else None)", [one])
    return replace(made, null_test=f"v[{place}]")


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
    note = name_of()

    def noted(value: Any, values: Any, run: Run) -> Any:
        if value is not None:
            run.exposed[name].add(None if owner is None else values[owner])
        return value

    part = reading.inlined()
    made = written(f"{note}({part.source}, v, run)", [part], {note: noted})
    return replace(made, null_test=reading.null_test, never_null=reading.never_null)


def _absent() -> None:
    raise UnplannedError(Reason.NULL, "null where there must be a value")


def present(reading: Reading) -> Reading:
    """Read what must not be null: a null is left to the reference path, which tells of it."""
    if reading.never_null:
        return reading
    part = reading.inlined()
    absent = name_of()
    if part.null_test is not None:
        source = f"({part.source} if {part.null_test} is not None else {absent}())"
    else:
        value = name_of()
        source = f"({value} if ({value} := {part.source}) is not None else {absent}())"
    return replace(written(source, [part], {absent: _absent}), never_null=True)


def fields_of(fields: Sequence[tuple[str, Reading]]) -> Reading:
    """Read an object."""
    if not any(reading.marks for _, reading in fields):
        parts = [(key, reading.inlined()) for key, reading in fields]
        source = ", ".join(f"{key!r}: {part.source}" for key, part in parts)
        made = written(f"{{{source}}}", [part for _, part in parts])
        return replace(made, never_null=True)

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
    part = reading.inlined()
    made = written(f"(None if v is None else {part.source})", [part])
    return replace(made, null_test="v")


def each_of(reading: Reading) -> Reading:
    """Read a list of rows."""
    read = reading.read if reading.marks else None
    if read is None:
        part = reading.inlined()
        return replace(_listed(part, "v"), item=part)

    def read_with_place(rows: Any, run: Run) -> list[Any]:
        found, place = [], run.place
        for index, row in enumerate(rows):
            place.append(index)
            found.append(read(row, run))
            place.pop()
        return found

    return Reading(read_with_place, marks=True)
