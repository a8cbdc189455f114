"""Storing new customers: the encrypted profile, its key, the look-up rows, who is responsible."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import orjson

from app.auth.permissions import Role
from app.db.crypto import CustomerCipher
from app.db.loading import ADVISED_TIERS, Posts, midnight
from app.db.retail_bank.files import SourceFile
from app.db.retail_bank.store import Store, StoredCustomer
from app.domain.customer import (
    ContactKind,
    CustomerStatus,
    CustomerType,
    DataSource,
    Gender,
    KycStatus,
    Tier,
)

COUNTRY: Final = "US"
CALLING_CODE: Final = "1"
_LANGUAGE: Final = "en"
_CUSTOMER_COLUMNS: Final = (
    "id",
    "number",
    "type",
    "source",
    "status",
    "kyc_status",
    "tier",
    "gender",
    "occupation",
    "language",
    "branch_id",
    "customer_since",
    "name_ciphertext",
    "birth_date_ciphertext",
    "national_id_ciphertext",
    "phone_ciphertext",
    "email_ciphertext",
    "address_ciphertext",
)


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address in the United States."""

    line1: str
    line2: str | None
    city: str
    region: str
    postal_code: str

    def json(self) -> str:
        """Give the text that is encrypted."""
        return orjson.dumps(
            {
                "line1": self.line1,
                "line2": self.line2,
                "city": self.city,
                "region": self.region,
                "postalCode": self.postal_code,
                "country": COUNTRY,
            }
        ).decode()


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as a file describes one, in clear."""

    line: int
    id: UUID
    number: str
    source: DataSource
    tier: Tier
    branch_id: UUID
    customer_since: date
    name: str
    national_id: str
    phone: str
    address: Address
    email: str | None = None
    birth_date: date | None = None
    gender: Gender | None = None
    occupation: str | None = None


async def store_customers(
    store: Store, file: SourceFile, posts: Posts, batch: Sequence[Person]
) -> tuple[list[Person], list[Person]]:
    """Store those of a batch who are new; give who is new and who was there.

    Somebody whose number or national id belongs to another customer is refused by line.
    """
    index = store.keys.index
    known = await store.owners("customer", "id", "id", [person.id for person in batch])
    numbers = await store.owners(
        "customer_number", "number", "customer_id", [person.number for person in batch]
    )
    digests = {person.id: index.national_id(person.national_id) for person in batch}
    holders = await store.owners(
        "national_id_index", "digest", "customer_id", list(digests.values())
    )
    new: list[Person] = []
    there: list[Person] = []
    for person in batch:
        digest = digests[person.id]
        if person.id in known:
            there.append(person)
        elif person.number in numbers:
            file.refuse(person.line, "the customer number belongs to another customer")
        elif holders.setdefault(digest, person.id) != person.id:
            file.refuse(person.line, "the national id belongs to another customer")
        else:
            new.append(person)
    await store.load_keys([person.id for person in there])
    await _copy(store, posts, new, digests)
    for people, was_known in ((new, False), (there, True)):
        for person in people:
            store.customers[person.number] = StoredCustomer(
                person.id, person.branch_id, known=was_known
            )
    return new, there


async def _copy(
    store: Store, posts: Posts, new: Sequence[Person], digests: dict[UUID, bytes]
) -> None:
    ciphers: dict[UUID, CustomerCipher] = {}
    for person in new:
        store.wrapped[person.id], ciphers[person.id] = store.keys.ring.make(person.id)
    profiles = [_profile(person, ciphers[person.id]) for person in new]
    await store.copy("customer", _CUSTOMER_COLUMNS, profiles)
    await store.copy(
        "customer_key",
        ("customer_id", "wrapped_key"),
        [(person.id, store.wrapped[person.id]) for person in new],
    )
    await store.copy(
        "customer_number",
        ("number", "customer_id"),
        [(person.number, person.id) for person in new],
    )
    await store.copy(
        "national_id_index",
        ("digest", "customer_id"),
        [(digests[person.id], person.id) for person in new],
    )
    contacts = (contact for person in new for contact in _contacts(store, person))
    await store.copy("contact_index", ("digest", "customer_id", "kind"), contacts)
    await store.copy(
        "name_index",
        ("digest", "customer_id"),
        (
            (digest, person.id)
            for person in new
            for digest in store.keys.index.name_prefixes(person.name)
        ),
    )
    assignments = (assignment for person in new for assignment in _assignments(posts, person))
    await store.copy("assignment", ("customer_id", "role", "staff_id", "assigned_at"), assignments)


def _profile(person: Person, cipher: CustomerCipher) -> tuple[object, ...]:
    def encrypted(column: str, value: str | None) -> bytes | None:
        return None if value is None else cipher.encrypt(f"customer.{column}", person.id, value)

    born = person.birth_date
    return (
        person.id,
        person.number,
        CustomerType.INDIVIDUAL,
        person.source,
        CustomerStatus.ACTIVE,
        KycStatus.UNKNOWN,
        person.tier,
        person.gender,
        person.occupation,
        _LANGUAGE,
        person.branch_id,
        person.customer_since,
        encrypted("name_ciphertext", person.name),
        encrypted("birth_date_ciphertext", born.isoformat() if born else None),
        encrypted("national_id_ciphertext", person.national_id),
        encrypted("phone_ciphertext", person.phone),
        encrypted("email_ciphertext", person.email),
        encrypted("address_ciphertext", person.address.json()),
    )


def _contacts(store: Store, person: Person) -> Iterator[tuple[bytes, UUID, ContactKind]]:
    for digest in store.keys.index.phones(person.phone, CALLING_CODE):
        yield digest, person.id, ContactKind.PHONE
    if person.email is not None:
        yield store.keys.index.email(person.email), person.id, ContactKind.EMAIL


def _assignments(posts: Posts, person: Person) -> Iterator[tuple[object, ...]]:
    roles = [Role.RELATIONSHIP_MANAGER, Role.TELLER]
    if person.tier in ADVISED_TIERS:
        roles.append(Role.WEALTH_ADVISOR)
    for role in roles:
        staff_id = posts.holder(person.branch_id, role, person.number)
        yield person.id, role, staff_id, midnight(person.customer_since)
