"""Every field of every type, for every post, on every path: the server does what the SDL says.

What is expected is read from the text of ``schema.graphql``; paths, fields and posts are taken
from it too, so that a new field is covered as soon as it is declared.
"""

import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from audit_trail import until_so
from client import Client
from conftest import client_of
from factories import Factory, Made
from permission_model import Step, leaves, rule_of, selection, steps, type_rule, way_to
from permission_model import field as sdl_field
from ticket_support import ticket_with_everything

from app.auth.permissions import MATRIX, PSEUDONYMOUS, Permission, Role
from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.planner.identities import identities_by_role

# Roles that strong authentication makes a difference for are asked both ways.
VIEWERS = [(role, True) for role in Role] + [(Role.COMPLIANCE, False), (Role.EXECUTIVE, False)]
OUTCOMES = {"denied": "FORBIDDEN", "step_up": "STEP_UP_REQUIRED"}


@dataclass
class Bank:
    """A bank with one customer who has one of everything, and a person for each post."""

    client: Client
    keys: Keys
    made: dict[str, Made]
    people: dict[Role, UUID]

    def as_(self, role: Role, *, strong: bool) -> Client:
        return self.client.as_(role, self.people[role], strong=strong)

    def id_for(self, role: Role, type_name: str) -> str:
        """Give the id of the object of a type as a post knows it."""
        row = self.made[type_name]
        return identities_by_role(self.keys.identity_secret)[role].write(
            row.prefix, row.owner, row.id
        )

    def plain(self, role: Role, global_id: str) -> UUID:
        return identities_by_role(self.keys.identity_secret)[role].read(global_id).id


@pytest.fixture(scope="module")
def bank_url(migrated_database: Callable[[str], str]) -> str:
    return migrated_database("permissions")


@pytest.fixture
async def bank(bank_url: str, keys: Keys, token_key: TokenKey) -> AsyncIterator[Bank]:
    connection = await asyncpg.connect(bank_url)
    try:
        made, people = await _fill(Factory(connection, keys))
        async with client_of(bank_url, keys, token_key) as client:
            await _proven(connection)
            yield Bank(client, keys, made, people)
    finally:
        await connection.close()


async def _proven(connection: asyncpg.Connection) -> None:
    """Wait until the sequencer has signed a head."""
    await until_so(lambda: connection.fetchval("select exists (select from audit_head)"))


async def _fill(factory: Factory) -> tuple[dict[str, Made], dict[Role, UUID]]:
    await factory.business_date(date(2018, 12, 31))
    branch = await factory.branch(state="NM", region="West", division="Mountain")
    people = await _people(factory, branch)
    customer, other = [
        await factory.customer(
            branch_id=branch.id,
            number=f"C000{n}",
            occupation="Pilot",
            language="en",
            preferred_channel="WEB",
            credit_grade="A",
            credit_score=700,
            risk_appetite="C3",
        )
        for n in range(2)
    ]
    people[Role.CUSTOMER] = customer.id
    for role in (Role.TELLER, Role.RELATIONSHIP_MANAGER, Role.WEALTH_ADVISOR):
        for each in (customer, other):
            await factory.assign(each, Made("sta", people[role], people[role]), role)
    made = {"Customer": customer, "Branch": branch}
    made |= await _belongings(factory, branch, customer, other, people)
    return made, people


async def _people(factory: Factory, branch: Made) -> dict[Role, UUID]:
    people = {}
    for role in Role:
        person = await factory.staff(role.value, branch)
        people[role] = person.id
    await factory.queue(
        Made("sta", people[Role.SERVICE_AGENT], people[Role.SERVICE_AGENT]), "ACCOUNTS"
    )
    return people


async def _belongings(
    factory: Factory, branch: Made, customer: Made, other: Made, people: dict[Role, UUID]
) -> dict[str, Made]:
    manager = people[Role.RELATIONSHIP_MANAGER]
    account_product = await factory.account_product()
    account = await factory.account(
        customer, number="A0001", branch_id=branch.id, product_id=account_product.id
    )
    await factory.connection.execute(
        "update account set settlement_account_id = id where id = $1", account.id
    )
    others = await factory.account(other)
    await factory.postings(account, "100.00", "-40.00", day=date(2018, 12, 1))
    opened_at = datetime(2018, 12, 30, tzinfo=UTC)
    paid = await factory.transfer(account, others, "20.00", opened_at)
    loan = await factory.loan(
        customer, paid=2, collateral_value=1, account_id=account.id, ends_on=date(2019, 7, 5)
    )
    product = await factory.product("1.5")
    ticket = await ticket_with_everything(factory, account, manager, opened_at)
    # The service desk comes to both customers.
    await factory.ticket(other, queue="ACCOUNTS", opened_at=opened_at, opened_by=manager)
    made = {
        "Transaction": paid,
        "Account": account,
        "AccountHold": await factory.freeze(account),
        "AccountProduct": account_product,
        "Loan": loan,
        "Payee": await factory.payee(customer),
        "Product": product,
        "Holding": await factory.holding(customer, product, "10", "12.00"),
        "Ticket": ticket,
        "Interaction": await factory.call(
            customer, opened_at, text="Call me.", branch_id=branch.id, ticket_id=ticket.id
        ),
        "Segment": await factory.segment(customer),
        "Card": await factory.card(customer, account),
        "Staff": Made("sta", manager, manager),
        "StandingOrder": await factory.standing_order(account, payee="B-77001234"),
        "Relationship": await factory.relationship(customer, other),
        "Consent": await factory.consent(customer, opened_at, staff_id=manager),
        "AuditEntry": (record := await factory.record(customer, manager)),
        "AuditProof": record,
        # What was shown of the customer is found by the customer's id.
        "Exposure": customer,
    }
    made["Approval"] = made["FieldDiff"] = await factory.withdrawn(customer, manager)
    # A post lists the services that were begun in it.
    for role in (role for role in Role if role in MATRIX[Permission.SERVICE_BEGIN].clear):
        made["BegunService"] = await factory.service(customer, people[role], role.value)
    await factory.hold(account, other)
    await factory.hold(others, customer)
    for type_name, prefix, table in (
        ("Instalment", "ins", "instalment"),
        ("HoldingLot", "lot", "holding_lot"),
        ("TicketEvent", "tev", "ticket_event"),
        ("TicketComment", "tco", "ticket_comment"),
    ):
        row = await factory.connection.fetchval(
            f"select id from {table} where customer_id = $1 order by id limit 1", customer.id
        )
        made[type_name] = Made(prefix, customer.id, row)
    return made


ARGUMENTS = {
    "node": '(id: "{id}")',
    "nodes": '(ids: ["{id}"])',
    "customerBy": '(by: {{number: "C0000"}})',
    "accountBy": '(number: "A0001")',
    "accessMatrix": "(role: TELLER)",
    "exposure": (
        '(customerIds: ["{id}"], from: "2018-12-31T00:00:00Z", to: "2999-12-31T00:00:00Z")'
    ),
}


def document(bank: Bank, role: Role, way: tuple[Step, ...]) -> str:
    """Write the query that goes a way and selects every leaf at its end."""
    last = way[-1].target
    inner = " ".join(str(selection(last, leaf)) for leaf in leaves(last))
    for step in reversed(way):
        if step.through_union or step.name in {"node", "nodes"}:
            inner = f"__typename ... on {step.target} {{ {inner} }}"
        if step.paged:
            inner = f"totalCount nodes {{ {inner} }} edges {{ node {{ {inner} }} }}"
        given = ARGUMENTS.get(step.name, "")
        if step.parent == "Query" and not given and "id" in sdl_field("Query", step.name).args:
            given = '(id: "{id}")'
        if "{id}" in given:
            given = given.format(id=bank.id_for(role, step.target))
        inner = f"{step.name}{given.replace('{{', '{').replace('}}', '}')} {{ {inner} }}"
    return f"{{ {inner} }}"


@dataclass
class Seen:
    """What one viewer was shown of the leaves at the end of a way; None when nothing."""

    way: tuple[Step, ...]
    role: Role
    strong: bool
    body: dict[str, Any]
    rows: list[dict[str, Any]]


async def ask(bank: Bank, role: Role, way: tuple[Step, ...], *, strong: bool) -> Seen:
    response = await bank.as_(role, strong=strong).send(document(bank, role, way))
    body = response.json()
    assert "data" in body, body
    rows = [row for found in _reached(body["data"], way) for row in found]
    if way[-1].through_union:
        rows = [row for row in rows if row["__typename"] == way[-1].target]
    return Seen(way, role, strong, body, rows)


def _reached(value: Any, way: tuple[Step, ...]) -> Iterator[list[dict[str, Any]]]:
    """Give the objects at the end of a way, once through ``nodes`` and once through ``edges``."""
    if value is None:
        return
    if isinstance(value, list):
        for each in value:
            yield from _reached(each, way)
    elif not way:
        yield [value]
    else:
        step, rest = way[0], way[1:]
        below = value[step.name]
        if step.paged and below is not None:
            assert [edge["node"] for edge in below["edges"]] == below["nodes"]
            below = below["nodes"]
        yield from _reached(below, rest)


def obstacle(seen: Seen) -> tuple[str, str, str] | None:
    """Give the selection, outcome and permission of the first step that the SDL denies."""
    position = []
    for step in seen.way:
        position.append(step.name)
        for rule in step.rules:
            outcome = rule.outcome(seen.role, strong=seen.strong)
            if outcome != "clear":
                return ".".join(position), outcome, rule.permission
        if step.paged:
            position.append("nodes")
    return None


Cell = tuple[UUID | tuple[Step, ...], str]


@dataclass
class Checker:
    """Compares what was shown with what the SDL says."""

    bank: Bank
    cells: Counter[str] = field(default_factory=Counter)
    # What those who see a value saw, to compare with what others saw of it.
    clear: dict[Cell, Any] = field(default_factory=dict)
    masked: list[tuple[Cell, Any]] = field(default_factory=list)

    def check(self, seen: Seen) -> None:
        errors = {
            error["extensions"]["selection"]: error["extensions"]
            for error in seen.body.get("errors", ())
        }
        names = leaves(seen.way[-1].target)
        denied = obstacle(seen)
        if denied is not None:
            place, outcome, permission = denied
            assert not seen.rows, (seen.way, seen.role)
            found = (errors[place]["code"], errors[place]["permission"])
            assert found == (OUTCOMES.get(outcome, "FORBIDDEN"), permission)
            self.cells[outcome] += len(names)
            return
        last = seen.way[-1]
        rule = type_rule(last.target) if last.through_union else None
        if rule is not None and rule.outcome(seen.role, strong=seen.strong) != "clear":
            assert not seen.rows, (seen.way, seen.role)
            self.cells["left out"] += len(names)
            return
        if not seen.rows and seen.role is Role.CUSTOMER and last.target == "Customer":
            # The other customer behind a relation is a stranger.
            self.cells["out of scope"] += len(names)
            return
        row = self._row(seen)
        for name in names:
            self._check_leaf(seen, row, name, errors)

    def _row(self, seen: Seen) -> dict[str, Any]:
        """Give the one row that the bank was made with, or the first of those without an id."""
        assert seen.rows, (seen.way, seen.role)
        known = self.bank.made.get(seen.way[-1].target)
        if known is None or "id" not in seen.rows[0]:
            return seen.rows[0]
        mine = [row for row in seen.rows if self.bank.plain(seen.role, row["id"]) == known.id]
        return mine[0] if mine else seen.rows[0]

    def _check_leaf(
        self, seen: Seen, row: dict[str, Any], name: str, errors: dict[str, Any]
    ) -> None:
        rule = rule_of(sdl_field(seen.way[-1].target, name).ast_node)
        outcome = rule.outcome(seen.role, strong=seen.strong) if rule else "clear"
        self.cells[outcome] += 1
        what = (seen.role, seen.way, name)
        for place in _places(seen.way, name):
            in_masked = place in seen.body.get("extensions", {}).get("masked", ())
            assert in_masked == (outcome == "masked"), what
            assert (place in errors) == (outcome in OUTCOMES), what
            if rule and outcome in OUTCOMES:
                found = (errors[place]["code"], errors[place]["permission"])
                assert found == (OUTCOMES[outcome], rule.permission)
        if outcome in OUTCOMES:
            assert [each[name] for each in seen.rows] == [None] * len(seen.rows), what
        elif outcome == "masked":
            assert row[name] is not None, what
            self.masked.append((self._cell(seen, row, name), row[name]))
        else:
            assert rule is None or row[name] is not None, what
            self._compare(seen, row, name)

    def _compare(self, seen: Seen, row: dict[str, Any], name: str) -> None:
        """Whoever sees a value sees the same one."""
        value = row[name]
        if seen.way[-1].target in OF_VIEWER:
            return
        if name == "id":
            plain = self.bank.plain(seen.role, value).hex
            assert (plain in value) == (seen.role not in PSEUDONYMOUS)
            value = plain
        known = self.clear.setdefault(self._cell(seen, row, name), value)
        assert known == value, (seen.role, seen.way, name)

    def _cell(self, seen: Seen, row: dict[str, Any], name: str) -> Cell:
        """Name a field of a row: by the row's id, or by the way to a row without one."""
        if "id" in row:
            return self.bank.plain(seen.role, row["id"]), name
        return seen.way, name

    def finish(self) -> None:
        """See that nothing masked is the value itself."""
        for cell, value in self.masked:
            assert self.clear[cell] != value


OF_VIEWER = {"Viewer", "ViewerCan", "AccessMatrixEntry"}


def _places(way: tuple[Step, ...], name: str) -> list[str]:
    """Name the selections of a leaf: through ``nodes`` and, at the end, through ``edges``."""
    position: list[str] = []
    for step in way:
        position += [step.name, "nodes"] if step.paged else [step.name]
    places = [".".join([*position, name])]
    if way[-1].paged:
        places.append(".".join([*position[:-1], "edges", "node", name]))
    return places


@pytest.mark.usefixtures("unmeasured")
async def test_every_field_for_every_post_on_every_path(bank: Bank) -> None:
    checker = Checker(bank)
    ways = [(*way_to(step.parent), step) for step in steps()]
    ways += [way_to(name) for name in bank.made]
    for way in dict.fromkeys(ways):
        for role, strong in VIEWERS:
            checker.check(await ask(bank, role, way, strong=strong))
    checker.finish()
    # Shown by `pytest -rP`.
    sys.stdout.write(f"{checker.cells.total():,} cells on {len(ways)} paths: {checker.cells}\n")
    assert set(checker.cells) == {*OUTCOMES, "clear", "masked", "left out", "out of scope"}
    assert checker.cells.total() > 10_000
