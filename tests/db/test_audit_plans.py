"""The audit trail is read off its indexes, however long it is."""

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncpg
import httpx
import pytest
from client import Client
from explain_bank import Explained, Large
from explain_plans import Bounds, Explaining

from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.main import create_app
from app.planner.global_id import format_id
from app.settings import Settings

# Few commands among many reads, and of the records many that only tell of batches of reads.
FILL = (
    """
    insert into audit_read
        (customer_id, recorded_at, id, record_id, actor_id, role, operation, fields)
    select md5('customer' || n % 500)::uuid, timestamptz '2026-01-01' + n * interval '1 minute',
        gen_random_uuid(), gen_random_uuid(), md5('actor' || n % 100)::uuid, 'TELLER', 'Shown',
        array['CUSTOMER_NAME_READ']
    from generate_series(1, 40000) as n
    """,
    """
    insert into audit_record
        (recorded_at, id, kind, actor_id, role, command, customer_id, event, fields, mac)
    select timestamptz '2026-01-01' + n * interval '2 minutes', gen_random_uuid(),
        case when written then 'WRITE' else 'READ' end,
        case when written then md5('actor' || n / 10 % 100)::uuid end, 'TELLER', 'updateCustomer',
        case when written then md5('customer' || n / 10 % 500)::uuid end, 'customer.updated',
        '{}', ''
    from (select n, n % 10 = 0 as written from generate_series(1, 20000) as n) as made
    """,
    """
    insert into audit_link (position, recorded_at, record_id, record_mac, hash)
    select row_number() over (order by recorded_at, id), recorded_at, id, '', '' from audit_record
    """,
    "vacuum (analyze)",
)
BOUNDS = Bounds(big=1_000, scanned=300, sorted=300, buffers=500)
SHOWN = "nodes { id kind recordedAt position fields } pageInfo { startCursor endCursor }"


@pytest.fixture(scope="module")
def filled(migrated_database: Callable[[str], str], keys: Keys) -> Large:
    url = migrated_database("audit_plans")

    async def fill() -> Large:
        connection = await asyncpg.connect(url)
        try:
            for statement in FILL:
                await connection.execute(statement)
            found = await connection.fetch("select relname, reltuples from pg_class")
        finally:
            await connection.close()
        return Large(url, keys, {name: int(count) for name, count in found})

    return asyncio.run(fill())


@pytest.fixture
async def explained(filled: Large, token_key: TokenKey) -> AsyncIterator[Explained]:
    app = create_app(Settings(), database_url=filled.url, keys=filled.keys, token_key=token_key)
    owner = await asyncpg.connect(filled.url)
    async with app.router.lifespan_context(app):
        reads = app.state.database = Explaining(app.state.database)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bank360") as http:
            yield Explained(Client(http, token_key), reads, owner, filled)
        app.state.database = reads.database
    await owner.close()


async def ids(explained: Explained) -> dict[str, str]:
    ((customer, actor, read_of, read, record),) = await explained.owner.fetch(
        """
        select md5('customer7')::uuid, md5('actor7')::uuid, seen.customer_id, seen.id, record.id
        from (select customer_id, id from audit_read offset 1000 limit 1) as seen,
            (select id from audit_record where kind = 'WRITE' offset 100 limit 1) as record
        """
    )
    return {
        "customer": format_id("cus", customer, customer),
        "actor": format_id("sta", actor, actor),
        "read": format_id("rea", read_of, read),
        "record": format_id("aud", record, record),
    }


@pytest.mark.parametrize("sort", ["NEWEST", "OLDEST"])
@pytest.mark.parametrize(
    "given",
    [
        "",
        '{customerId: {eq: "%(customer)s"}}',
        '{actorId: {eq: "%(actor)s"}}',
        "{kind: {eq: WRITE}}",
        "{kind: {eq: READ}}",
        '{recordedAt: {gte: "2026-01-03T00:00:00Z", lte: "2026-01-04T00:00:00Z"}}',
        '{actorId: {eq: "%(actor)s"}, recordedAt: {gte: "2026-01-05T00:00:00Z"}}',
    ],
)
async def test_every_page_is_read_off_an_index(explained: Explained, given: str, sort: str) -> None:
    narrowed = f"filter: {given % await ids(explained)}" if given else ""
    begun = f"{{ auditTrail(sort: {sort} %s {narrowed}) {{ {SHOWN} }} }}"
    page = (await explained.run(begun % "first: 20"))["auditTrail"]
    assert len(page["nodes"]) == 20
    assert explained.faults(BOUNDS) == []
    cursor = page["pageInfo"]["endCursor"]
    following = (await explained.run(begun % f'first: 20 after: "{cursor}"'))["auditTrail"]
    assert not {each["id"] for each in following["nodes"]} & {each["id"] for each in page["nodes"]}
    assert explained.faults(BOUNDS) == []
    await explained.run(begun % "last: 20")
    assert explained.faults(BOUNDS) == []


async def test_both_kinds_stand_in_the_list_in_order(explained: Explained) -> None:
    page = await explained.run(f"{{ auditTrail(sort: OLDEST, first: 100) {{ {SHOWN} }} }}")
    nodes = page["auditTrail"]["nodes"]
    assert {node["kind"] for node in nodes} == {"READ", "WRITE"}
    times = [node["recordedAt"] for node in nodes]
    assert times == sorted(times)


async def test_one_entry_by_its_id(explained: Explained) -> None:
    known = await ids(explained)
    for wanted in (known["read"], known["record"]):
        query = "query ($id: ID!) { node(id: $id) { id ... on AuditEntry { position } } }"
        data = await explained.run(query, id=wanted)
        assert data["node"]["id"] == wanted
        assert explained.faults(BOUNDS) == []


async def test_exposure_reads_the_customers_rows_alone(explained: Explained) -> None:
    query = """query ($ids: [ID!]!) {
      exposure(customerIds: $ids, from: "2026-01-01T00:00:00Z", to: "2027-01-01T00:00:00Z") {
        actorId operationCount
      }
    }"""
    data = await explained.run(query, ids=[(await ids(explained))["customer"]])
    assert sum(line["operationCount"] for line in data["exposure"]) == 80
    assert explained.faults(BOUNDS) == []
