"""Districts become branches."""

from dataclasses import dataclass
from uuid import UUID

from app.db.retail_bank import sources
from app.db.retail_bank.files import BadLine, Row
from app.db.retail_bank.store import Store, source_id


@dataclass(frozen=True, slots=True)
class _District:
    line: int
    number: int
    id: UUID
    code: str
    city: str
    state: str | None
    region: str | None
    division: str | None


async def import_branches(store: Store) -> None:
    """Store each district as a branch, and note the branch of every district number."""
    file = store.files[sources.DISTRICTS]
    seen: set[int] = set()

    def parse(row: Row) -> _District:
        number = row.whole("district_id")
        if not number:
            message = "district_id: 0 stands for the head office"
            raise BadLine(message)
        seen.add(row.once("district_id", number, seen))
        return _District(
            row.line,
            number,
            source_id("branch", str(number)),
            f"D{number:02d}",
            row.text("city"),
            row.optional("state_abbrev"),
            row.optional("region"),
            row.optional("division"),
        )

    districts = list(file.parsed(parse))
    taken = await store.owners("branch", "code", "id", [district.code for district in districts])
    new: list[_District] = []
    for district in districts:
        owner = taken.get(district.code)
        if owner is None:
            new.append(district)
        elif owner != district.id:
            file.refuse(district.line, f"branch code {district.code} is another branch's")
            continue
        store.branches[district.number] = district.id
    await store.copy(
        "branch",
        ("id", "code", "name", "city", "state", "region", "division"),
        [(d.id, d.code, d.city, d.city, d.state, d.region, d.division) for d in new],
    )
    file.count.stored += len(new)
    file.count.already_there += len(store.branches) - len(new)
    store.advance(file)


def branch_of(store: Store, row: Row) -> UUID:
    """Give the branch that a row's ``district_id`` names; raises BadLine for an unknown one."""
    branch_id = store.branches.get(row.whole("district_id"))
    if branch_id is None:
        row.leads_nowhere("district_id", "a district")
    return branch_id
