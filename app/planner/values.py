"""Reading the fields of one row: ids, columns, amounts, encrypted and computed values."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from graphql import (
    GraphQLLeafType,
    GraphQLString,
    get_nullable_type,
    is_leaf_type,
)

from app.auth.permissions import PSEUDONYMOUS, Mask
from app.planner.answering import (
    TYPENAME,
    Asked,
    Reading,
    Run,
    column,
    constant,
    fields_of,
    written,
)
from app.planner.collecting import Reason, UnplannedError
from app.planner.enforcement import needs
from app.planner.fields import Aggregate, Column, Embedded, Encrypted, Identity, Valued
from app.planner.graph_field import GraphField
from app.planner.guards import masked as masked_value
from app.planner.projection import ID, KEY, OWNER, PREFIX, Row
from app.planner.shelf import Shelf
from app.planner.wire import answered, typed

if TYPE_CHECKING:
    from app.planner.compiling import Compiler

Get = Callable[[Any, Run], Any]


def clear(compiler: "Compiler", shelf: Shelf, kind: Valued, asked: Asked) -> Reading:
    """Compile a field that the viewer sees as it is."""
    if isinstance(kind, Identity):
        return _identity(compiler, shelf)
    name, type_ = asked.declared.python_name, get_nullable_type(asked.definition.type)
    if isinstance(kind, Column | Aggregate) and is_leaf_type(type_):
        return _column(shelf, name, type_)
    if isinstance(kind, Embedded):
        direct = _embedded(compiler, shelf, kind, asked)
        if direct is not None:
            return direct
    read, get = compiler.made(asked).read, _value(shelf, kind, name)
    if isinstance(kind, Encrypted) and type_ is GraphQLString:
        return Reading(get)
    return Reading(lambda row, run: read(get(row, run), run))


def masked(shelf: Shelf, declared: GraphField, mask: Mask, made: Reading) -> Get:
    """Compile a field whose value the viewer sees masked."""
    assert isinstance(declared.kind, Valued)
    read, get = made.read, _value(shelf, declared.kind, declared.python_name)
    return lambda row, run: read(masked_value(mask, get(row, run)), run)


def pseudonym(shelf: Shelf) -> Get:
    """Compile a field that names a customer without telling who it is."""
    place = shelf.place(OWNER)
    return lambda row, run: run.reader.identities.pseudonym(run.uuid(row[place]))


def _identity(compiler: "Compiler", shelf: Shelf) -> Reading:
    projection = shelf.projection
    owner, own = shelf.identity
    if projection.prefix_column is not None:
        told = shelf.place(PREFIX)
        return Reading(
            lambda row, run: run.reader.identities.write(
                row[told], run.uuid(row[owner]), run.uuid(row[own])
            )
        )
    prefix = projection.prefix
    assert prefix is not None
    if compiler.viewer.role in PSEUDONYMOUS:
        return Reading(
            lambda row, run: run.reader.identities.write(
                prefix, run.uuid(row[owner]), run.uuid(row[own])
            )
        )

    def read(row: Any, _run: Run) -> str:
        # As app.planner.global_id.format_id writes it, of the ids' texts.
        first, second = row[owner], row[own]
        both = first if first == second else first + second
        return f"{prefix}_{both.replace('-', '')}"

    return Reading(read)


def _column(shelf: Shelf, name: str, leaf: GraphQLLeafType) -> Reading:
    (label,) = shelf.field(name)
    if leaf.name == "Decimal":
        # Expressions do not always know that they are exact numbers.
        shelf.types[label] = sa.Numeric()
    place, write = shelf.place(label), answered(shelf.types[label], leaf)
    return column(place, write)


def _embedded(
    compiler: "Compiler", shelf: Shelf, kind: Embedded[Any], asked: Asked
) -> Reading | None:
    """Compile an object whose attributes are the parts as they are; None for any other."""
    is_plain = is_dataclass(kind.make) and {each.name for each in fields(kind.make)} == set(
        kind.parts
    )
    if not is_plain:
        return None
    name, type_ = asked.declared.python_name, asked.objects
    places = {label: shelf.place(label) for label in shelf.field(name)}
    parts = []
    for key, below in compiler.collector.below(asked.nodes, type_).items():
        part = Asked(type_, below)
        if part.name == TYPENAME:
            parts.append((key, constant(type_.name)))
            continue
        attribute, guard = part.declared.python_name, needs(part.definition)
        leaf = get_nullable_type(part.definition.type)
        if guard.own is not None or guard.leads_to is not None or not is_leaf_type(leaf):
            return None
        label = f"{name}:{attribute}"
        if leaf.name == "Decimal":
            shelf.types[label] = sa.Numeric()
        parts.append((key, column(places[label], answered(shelf.types[label], leaf))))
    made, first = fields_of(parts), f"v[{places[f'{name}:{next(iter(kind.parts))}']}]"
    made = written(f"({made.source} if {first} is not None else None)", [made])
    return replace(made, null_test=first)


def _value(shelf: Shelf, kind: Valued, name: str) -> Get:
    """Give what reads a field's value as Python has it on the reference path."""
    if isinstance(kind, Encrypted):
        return _decrypted(shelf, kind, name)
    labels = shelf.field(name)
    wanted = [*labels, *shelf.projection.identity(shelf.projection.table)]
    if kind.reads_ciphertext(shelf.projection):
        wanted.append(KEY)
    parts = [(label, shelf.place(label), typed(shelf.types[label])) for label in wanted]
    if any(isinstance(shelf.types[label], sa.types.NullType) for label in wanted):
        raise UnplannedError(Reason.VALUE, f"{name} is made of values of unknown type")

    def get(row: Any, run: Run) -> Any:
        made = Row(shelf.projection, {label: read(row[place]) for label, place, read in parts})
        return kind.value(name, made, run.reader)

    return get


def _decrypted(shelf: Shelf, kind: Encrypted[Any], name: str) -> Get:
    (label,) = shelf.field(name)
    if label != name:
        raise UnplannedError(Reason.VALUE, f"ciphertext under {label}")
    sealed, key = shelf.place(label), shelf.place(KEY)
    owner, own = shelf.place(OWNER), shelf.place(ID)
    place, decode = f"{shelf.projection.table_name}.{kind.column}", kind.decode

    def get(row: Any, run: Run) -> Any:
        ciphertext, wrapped = row[sealed], row[key]
        if ciphertext is None or wrapped is None:
            return None
        known = (row[owner], wrapped)
        cipher = run.ciphers.get(known)
        if cipher is None:
            ring = run.reader.ring
            cipher = ring.cipher(run.uuid(row[owner]), bytes.fromhex(wrapped[2:]))
            run.ciphers[known] = cipher
        clear_text = cipher.decrypt(place, run.uuid(row[own]), bytes.fromhex(ciphertext[2:]))
        return decode(clear_text)

    return get
