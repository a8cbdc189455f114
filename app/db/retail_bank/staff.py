"""The staff that the files do not have: invented, the same in every import."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID
from zlib import crc32

from app.auth.permissions import Role
from app.db.loading import BRANCH_POSTS, HEAD_OFFICE_POSTS, SECOND_POSTS, Posts
from app.db.retail_bank.report import ImportRefused
from app.db.retail_bank.store import Store, source_id

_FIRST_NAMES: Final = (
    "Alma", "Amir", "Bianca", "Carlos", "Chen", "Clara", "Dana", "David", "Elena", "Farid",
    "Grace", "Hana", "Igor", "Ines", "Jamal", "Karin", "Leo", "Lucia", "Marek", "Mei",
    "Nadia", "Omar", "Petra", "Ravi", "Rosa", "Samir", "Tereza", "Tomas", "Vera", "Yusuf",
)  # fmt: skip
_LAST_NAMES: Final = (
    "Abbott", "Becker", "Castro", "Dvorak", "Ellis", "Fischer", "Garcia", "Hughes", "Ibrahim",
    "Jensen", "Kowalski", "Lindgren", "Moreau", "Novak", "Okafor", "Park", "Quinn", "Rossi",
    "Silva", "Tanaka", "Ueda", "Vargas", "Walsh", "Xu", "Young", "Zhang",
)  # fmt: skip

_HEAD_OFFICE: Final = 0
_FIRST_BRANCH: Final = 1


@dataclass(frozen=True, slots=True)
class Person:
    """One invented member of staff; ``roles`` has one or two posts."""

    id: UUID
    number: str
    name: str
    branch_id: UUID | None
    roles: tuple[Role, ...]


def _name(number: str) -> str:
    first = _FIRST_NAMES[crc32(number.encode()) % len(_FIRST_NAMES)]
    last = _LAST_NAMES[crc32(number[::-1].encode()) % len(_LAST_NAMES)]
    return f"{first} {last}"


def people(district: int, branch_id: UUID | None) -> Iterator[Person]:
    """Invent the staff of a district's branch; district 0 is the head office."""
    posts = BRANCH_POSTS if district else HEAD_OFFICE_POSTS
    for place, role in enumerate(posts, start=1):
        number = f"S{district:02d}{place:02d}"
        second = SECOND_POSTS.get(place) if district == _FIRST_BRANCH else None
        roles = (role, second) if second else (role,)
        yield Person(source_id("staff", number), number, _name(number), branch_id, roles)


async def store_staff(store: Store) -> Posts:
    """Store the staff of all branches and of the head office; nobody twice.

    Raises ImportRefused when a staff number of the import belongs to somebody else.
    """
    staff = [*people(_HEAD_OFFICE, None)]
    for district, branch_id in store.branches.items():
        staff.extend(people(district, branch_id))
    posts = Posts()
    for person in staff:
        posts.add(person.id, person.branch_id, person.roles)
    known = await store.owners("staff", "number", "id", [person.number for person in staff])
    for person in staff:
        if known.get(person.number, person.id) != person.id:
            message = f"staff number {person.number} belongs to somebody else in this bank"
            raise ImportRefused(message)
    await _copy_new(store, posts, [person for person in staff if person.number not in known])
    return posts


async def _copy_new(store: Store, posts: Posts, new: Sequence[Person]) -> None:
    await store.copy(
        "staff",
        ("id", "number", "name", "branch_id"),
        [(person.id, person.number, person.name, person.branch_id) for person in new],
    )
    await store.copy(
        "staff_role",
        ("staff_id", "role"),
        [(person.id, role) for person in new for role in person.roles],
    )
    ids = {person.id for person in new}
    queues = [(agent, queue) for agent, queue in posts.queues() if agent in ids]
    await store.copy("staff_queue", ("staff_id", "queue"), queues)
