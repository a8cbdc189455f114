"""Plans and the reference executor give the same answers, and note the same exposures.

The reference executor is the judge. ``BANK360_EQUAL_QUERIES=10000`` asks for more queries than the
gate has time for.
"""

import gc
import os
import random
import sys
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest
from audit_trail import until_so
from client import Client
from conftest import client_of
from generated_queries import Known, Maker
from seed_support import TODAY_BEGINS, Bank

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.auth.viewer import Viewer
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.reads import Reads
from app.planner.collecting import Collector, Reason, UnplannedError
from app.planner.global_id import format_id
from app.planner.identities import identities_by_role
from app.planner.planning import Planner
from app.schema import service_level
from app.schema.nodes import NODE_TYPES, projection_of
from app.schema.root import graphql_schema
from app.settings import Settings

QUERIES: Final = int(os.environ.get("BANK360_EQUAL_QUERIES", "400"))
# The same query with other variables, with cursors of the answer before, and by somebody else.
_ASKED: Final = 3
SEED: Final = int(os.environ.get("BANK360_EQUAL_SEED", "360"))
# Queries are refused for their size before either path sees them, but not by rates, and none is
# cut off because the machine has other things to do.
SETTINGS: Final = Settings(
    log_level="ERROR",
    rate_per_viewer=0,
    rate_per_address=0,
    rate_of_look_ups=0,
    statement_timeout_seconds=300,
    operation_timeout_seconds=300,
)
Exposed = Mapping[UUID | None, tuple[str, ...]]


class Both:
    """Sends a query over either path."""

    def __init__(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client = client
        self.planned = Planner.execute
        self.exposed: list[Exposed] = []
        self.paths: Counter[str] = Counter()
        self.patch = monkeypatch
        both = self

        async def record(
            _reads: Reads, _viewer: Viewer, exposed: Exposed, _operation: str | None, _id: str
        ) -> None:
            both.exposed.append(dict(exposed))

        monkeypatch.setattr(Reads, "record", record)
        # Both paths are asked one after the other; what remains is less then, by a second at times.
        monkeypatch.setattr(service_level, "now", lambda: TODAY_BEGINS)

    async def send(
        self, role: Role, subject: UUID, query: str, *, strong: bool, **variables: Any
    ) -> Any:
        person = self.client.as_(role, subject, strong=strong)
        both = self

        async def planned(planner: Planner, *given: Any) -> Any:
            try:
                data = await both.planned(planner, *given)
            except UnplannedError as error:
                both.paths[error.reason.value] += 1
                raise
            both.paths["planned"] += 1
            return data

        async def never(*_: Any) -> Any:
            raise UnplannedError(Reason.FIELD, "asked for the reference executor")

        answers = []
        for execute in (planned, never):
            self.patch.setattr(Planner, "execute", execute)
            self.exposed = []
            body = (await person.send(query, **variables)).json()
            answers.append((body, self.exposed))
        return answers


@pytest.fixture
async def both(
    invented_bank: Bank, token_key: TokenKey, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Both]:
    async with client_of(invented_bank.dsn, invented_bank.keys, token_key, SETTINGS) as client:
        await client.as_(Role.COMPLIANCE).run("{ customers(first: 5) { nodes { name phone } } }")
        await settled(invented_bank)
        yield Both(client, monkeypatch)


async def settled(bank: Bank) -> None:
    """Wait until the trail has numbered and signed what was shown: both change answers."""
    connection = await asyncpg.connect(bank.dsn)
    whole = (
        "select count(*) = max(link.position) and max(link.position) <= max(head.position)"
        " from audit_record left join audit_link as link on link.record_id = audit_record.id,"
        " (select max(position) as position from audit_head) as head"
    )
    await until_so(partial(connection.fetchval, whole))
    await connection.close()


async def known(owner: asyncpg.Connection, keys: Keys) -> Mapping[Role, Known]:
    """Ids as each role knows them, of rows of a few customers with much of everything."""
    rich = await owner.fetch(
        "select customer_id from ticket join loan using (customer_id) join holding"
        " using (customer_id) group by customer_id order by count(*) desc, customer_id limit 6"
    )
    customers = [row["customer_id"] for row in rich]
    rows: dict[str, list[tuple[str, UUID, UUID]]] = {}
    for type_ in NODE_TYPES:
        projection = projection_of(type_)
        if projection.prefix is None or projection.prefix_column is not None:
            continue
        table, owned = projection.table_name, projection.owner or projection.key
        condition = f"{owned} = any($1)" if projection.owner else "$1::uuid[] is not null"
        found = await owner.fetch(
            f"select {owned} as owner, {projection.key} as id from {table} where {condition}"
            " order by 1, 2 limit 12",
            customers,
        )
        rows[type_.__name__] = [(projection.prefix, row["owner"], row["id"]) for row in found]
    rows["AuditEntry"] = [
        tuple(row)
        for row in await owner.fetch(
            "(select 'aud' as prefix, id as owner, id from audit_record limit 6)"
            " union all (select 'rea', customer_id, id from audit_read limit 6)"
        )
    ]
    numbers = await owner.fetch("select number from customer where id = any($1)", customers)
    look_ups = {"number": [row["number"] for row in numbers], "accountNumber": ["none"]}
    of_role = identities_by_role(keys.identity_secret)
    return {
        role: Known(
            {
                name: [of_role[role].write(*row) for row in found]
                for name, found in rows.items()
                if found
            },
            look_ups,
        )
        for role in Role
    }


async def people(owner: asyncpg.Connection) -> Mapping[Role, UUID]:
    """Somebody of each post who serves some of the customers with much of everything."""
    rich = (
        "select customer_id from ticket join loan using (customer_id) join holding"
        " using (customer_id) group by customer_id order by count(*) desc, customer_id limit 1"
    )
    found: dict[Role, UUID] = {}
    for role in Role:
        if role is Role.CUSTOMER:
            found[role] = await owner.fetchval(rich)
            continue
        assigned = (
            f"select staff_id from assignment where role = '{role}' and customer_id in ({rich})"
        )
        anybody = f"select staff_id from staff_role where role = '{role}' order by 1 limit 1"
        found[role] = await owner.fetchval(assigned) or await owner.fetchval(anybody)
    return found


def cursors_in(data: Any) -> Iterator[str]:
    """The cursors in an answer."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key in {"startCursor", "endCursor"} and value is not None:
                yield value
            yield from cursors_in(value)
    elif isinstance(data, list):
        for each in data:
            yield from cursors_in(each)


@pytest.mark.usefixtures("unmeasured")
async def test_plans_answer_as_the_reference_executor_does(both: Both, invented_bank: Bank) -> None:
    owner = await asyncpg.connect(invented_bank.dsn)
    ids, staff = await known(owner, invented_bank.keys), await people(owner)
    await owner.close()
    rng = random.Random(SEED)
    roles = list(Role)
    errors: Counter[str] = Counter()
    for n in range(QUERIES // _ASKED):
        role, strong = roles[n % len(roles)], rng.random() < 0.7
        maker = Maker(graphql_schema(), ids[role], rng)
        query, seen = maker.query(), list[str]()
        for turn in range(_ASKED):
            if turn == _ASKED - 1:
                # One at a time: a plan that is kept for either alone would hide behind the other.
                role, strong = rng.choice(((rng.choice(roles), strong), (role, not strong)))
                maker.known = ids[role]
            given = query.values(seen)
            planned, reference = await both.send(
                role, staff[role], query.text, strong=strong, **given
            )
            assert planned == reference, f"{role}, strong: {strong}\n{query.text}\n{given}"
            seen = list(cursors_in(planned[0].get("data")))
            for error in planned[0].get("errors", ()):
                errors[error["extensions"]["code"]] += 1
    # Shown by `pytest -rP`.
    sys.stdout.write(f"{QUERIES:,} queries: {dict(both.paths)}; errors {dict(errors)}\n")
    assert both.paths["planned"] > QUERIES / 2
    assert "INTERNAL_SERVER_ERROR" not in errors


def test_ids_are_the_same_whoever_writes_them() -> None:
    """A plan writes plain ids of the texts that PostgreSQL gives."""
    owner, row = UUID(int=1), UUID(int=2)
    assert format_id("acc", owner, row) == f"acc_{owner}{row}".replace("-", "")
    assert format_id("cus", owner, owner) == f"cus_{owner}".replace("-", "")


async def test_a_plan_keeps_nothing_of_who_asked_first(both: Both, token_key: TokenKey) -> None:
    """Two people acting as the same: one plan, each told of themselves."""
    query = "{ viewer { actingRole roles } }"
    asked = []
    for roles in ((Role.TELLER,), (Role.TELLER, Role.LOAN_OFFICER)):
        token = token_key.issue(Role.TELLER, new_id(), roles)
        person = Client(both.client.http, token_key, token)
        asked.append((await person.run(query))["viewer"]["roles"])
    assert asked == [["TELLER"], ["TELLER", "LOAN_OFFICER"]]


@pytest.mark.parametrize("strong", [(True, False), (False, True)])
async def test_a_plan_is_for_those_who_are_as_strongly_authenticated(
    both: Both, invented_bank: Bank, strong: tuple[bool, bool]
) -> None:
    owner = await asyncpg.connect(invented_bank.dsn)
    staff = (await people(owner))[Role.COMPLIANCE]
    await owner.close()
    query = "{ customers(first: 3) { nodes { phone name viewerCan { allowed } } } }"
    for each in strong:
        planned, reference = await both.send(Role.COMPLIANCE, staff, query, strong=each)
        assert planned == reference
        assert ("errors" in planned[0]) is not each
    assert both.paths == {"planned": 2}


async def test_a_plan_is_for_one_post(both: Both, invented_bank: Bank) -> None:
    owner = await asyncpg.connect(invented_bank.dsn)
    staff = await people(owner)
    await owner.close()
    query = "{ customers(first: 3) { nodes { id name phone viewerCan { allowed } } } }"
    answers = []
    for role in (Role.BRANCH_MANAGER, Role.ANALYST, Role.MARKETER, Role.RISK_OFFICER):
        planned, reference = await both.send(role, staff[role], query, strong=True)
        assert planned == reference
        assert planned not in answers
        answers.append(planned)
    assert both.paths == {"planned": 4}


async def test_a_plan_is_for_one_strength(both: Both, invented_bank: Bank) -> None:
    owner = await asyncpg.connect(invented_bank.dsn)
    staff = (await people(owner))[Role.COMPLIANCE]
    await owner.close()
    query = "{ customers(first: 3) { nodes { id nationalId } } }"
    answers = []
    for strong in (True, False, True):
        planned, reference = await both.send(Role.COMPLIANCE, staff, query, strong=strong)
        assert planned == reference
        answers.append(planned)
    assert answers[0] == answers[2] != answers[1]
    assert both.paths == {"planned": 3}


async def test_a_plan_notes_that_the_trail_was_shown(both: Both, invented_bank: Bank) -> None:
    owner = await asyncpg.connect(invented_bank.dsn)
    entry = (await known(owner, invented_bank.keys))[Role.COMPLIANCE].ids["AuditEntry"][-1]
    staff = (await people(owner))[Role.COMPLIANCE]
    await owner.close()
    query = "query ($id: ID!) { node(id: $id) { ... on AuditEntry { kind } } }"
    planned, reference = await both.send(Role.COMPLIANCE, staff, query, strong=True, id=entry)
    assert planned == reference
    assert planned[0]["data"]["node"]["kind"] == "READ"
    assert planned[1] == [{None: ("AUDIT_READ",)}]
    assert both.paths == {"planned": 1}


@pytest.mark.parametrize("first", [True, False])
async def test_a_plan_is_for_the_conditions_it_was_made_under(
    both: Both, invented_bank: Bank, first: bool
) -> None:
    """Variables that change what is selected or listed are part of what a plan is kept under."""
    owner = await asyncpg.connect(invented_bank.dsn)
    staff = (await people(owner))[Role.COMPLIANCE]
    await owner.close()
    compliance = both.client.as_(Role.COMPLIANCE, staff)
    query = """
    query ($wanted: Boolean!, $size: Int = 2, $tier: Tier, $order: CustomerSort) {
      customers(first: $size, sort: $order, filter: {tier: {eq: $tier}}) {
        nodes { id @include(if: $wanted) tier @skip(if: $wanted) customerSince }
      }
    }
    """
    for wanted in (first, not first):
        for given in (
            {"tier": "GOLD"},
            {"tier": "SILVER", "size": 3},
            {"tier": "SILVER", "order": "OLDEST"},
        ):
            data = await compliance.run(query, wanted=wanted, **given)
            nodes = data["customers"]["nodes"]
            assert len(nodes) == given.get("size", 2)
            assert all(("id" in node) is wanted for node in nodes)
            assert wanted or {node["tier"] for node in nodes} == {given["tier"]}
            days = [node["customerSince"] for node in nodes]
            assert days == sorted(days, reverse="order" not in given)


_OF_TIER: Final = "query ($tier: Tier) { customers(filter: {tier: {eq: $tier}}) { totalCount %s } }"


@pytest.mark.parametrize(
    ("selected", "path"),
    [
        ("__typename } __schema { queryType { name }", "field"),
        (
            """
            nodes { phone behaviour { startsOn activity { month } }
                accounts { transactions(first: 1) { pageInfo { endCursor } } } }
            """,
            "planned",
        ),
    ],
)
async def test_what_is_kept_holds_nothing_of_who_asked(
    both: Both, invented_bank: Bank, monkeypatch: pytest.MonkeyPatch, selected: str, path: str
) -> None:
    owner = await asyncpg.connect(invented_bank.dsn)
    staff = (await people(owner))[Role.COMPLIANCE]
    await owner.close()
    seen: list[weakref.ref[Any]] = []
    execute = Planner.execute

    async def noted(planner: Planner, *given: Any) -> Any:
        seen.append(weakref.ref(given[-1]))
        return await execute(planner, *given)

    class Noted(Collector):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            seen.append(weakref.ref(self))

    monkeypatch.setattr(both, "planned", noted)
    monkeypatch.setattr("app.planner.planning.Collector", Noted)
    for _ in range(10):
        for tier in ("GOLD", "SILVER"):
            planned, reference = await both.send(
                Role.COMPLIANCE, staff, _OF_TIER % selected, strong=True, tier=tier
            )
            assert planned == reference
    assert set(both.paths) == {path}
    gc.collect()
    # Those of the request that came last may still be on their way out.
    assert sum(each() is not None for each in seen) <= 2
