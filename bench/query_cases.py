"""The queries that are measured, as each side is asked them, and the rows that they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg

from app.auth.permissions import Role
from app.db.keys import Keys
from app.planner.global_id import format_id

# Each client asks about another row than the one before.
_ROWS: Final = 50
_GRAPH: Final = """
    number name tier status phone email nationalId birthDate
    relationshipManager { number name }
    accounts {
      kind status balance { amount currency }
      transactions(first: 5) { nodes { kind amount { amount currency } bookedAt } }
    }
    loans { number purpose status outstanding { amount currency } }
    holdings { units product { name riskLevel } }
    tickets(first: 5) { nodes { number subject status assignee { name } } }
    segments { name }
"""
_FLAT: Final = "number type status tier gender customerSince name"
_TRANSACTIONS: Final = """transactions(first: 20) {
    nodes {
      kind amount { amount currency } balanceAfter { amount currency } bookedAt valueOn channel
    }
    pageInfo { hasNextPage }
  }"""
_POSTGRAPHILE_GRAPH: Final = """
    number nameCiphertext tier status phoneCiphertext emailCiphertext nationalIdCiphertext
    birthDateCiphertext
    assignmentsByCustomerId(condition: {role: "RELATIONSHIP_MANAGER"}) {
      nodes { staffByStaffId { number name } }
    }
    accountsByCustomerId {
      nodes {
        kind status balance currency
        postingsByCustomerIdAndAccountId(first: 5, orderBy: [BOOKED_AT_DESC, ROW_ID_DESC]) {
          nodes { kind amount currency bookedAt }
        }
      }
    }
    loansByCustomerId(orderBy: [GRANTED_ON_DESC]) {
      nodes { number purpose status outstanding currency }
    }
    holdingsByCustomerId(orderBy: [PRODUCT_ID_ASC]) {
      nodes { units productByProductIdAndCurrency { name riskLevel } }
    }
    ticketsByCustomerId(first: 5, orderBy: [OPENED_AT_DESC, ROW_ID_DESC]) {
      nodes { number subject status staffByAssigneeId { name } }
    }
    segmentMembershipsByCustomerSinceAndCustomerId { nodes { segmentBySegmentId { name } } }
"""
_PAGE_OF: Final = (
    "query Page($branch: UUID!) { allCustomers(condition: {branchId: $branch}, first: 50,"
    " orderBy: [CUSTOMER_SINCE_DESC, ROW_ID_DESC]) { nodes { %s } } }"
)


@dataclass(frozen=True)
class Case:
    """A query: ours and those of the peers, and the variables for each of several rows.

    ``plain`` are the fields that PostGraphile gives under the same names as we do, and
    ``missing`` says why it is not asked.
    """

    name: str
    title: str
    role: Role
    ours: str
    variables: Sequence[Mapping[str, Any]]
    strawberry: str | None
    peers: Sequence[Mapping[str, Any]]
    postgraphile: str | None = None
    missing: str = ""


@dataclass(frozen=True)
class Sample:
    """Rows of one branch, its manager, and an auditor; those with most kinds of things first."""

    branch: UUID
    people: Mapping[Role, UUID]
    customers: Sequence[UUID]
    accounts: Sequence[tuple[UUID, UUID]]
    national_ids: Sequence[str]
    digests: Sequence[str]


async def sample(dsn: str, keys: Keys) -> Sample:
    """Choose the rows: the same ones for the same bank."""
    connection = await asyncpg.connect(dsn)
    try:
        manager = await connection.fetchrow(
            "select staff.id, branch_id from staff join staff_role on staff_id = staff.id"
            " where role = 'BRANCH_MANAGER' and branch_id is not null order by number limit 1"
        )
        auditor = await connection.fetchval(
            "select staff_id from staff_role where role = 'COMPLIANCE' order by 1 limit 1"
        )
        assert manager is not None
        rows = await connection.fetch(
            "select customer.id, national_id_ciphertext, wrapped_key from customer"
            " join customer_key on customer_id = customer.id"
            " where branch_id = $1 and national_id_ciphertext is not null order by"
            " exists (select from loan where customer_id = customer.id)::int"
            " + exists (select from holding where customer_id = customer.id)::int"
            " + exists (select from ticket where customer_id = customer.id)::int desc,"
            " customer.id limit $2",
            manager["branch_id"],
            _ROWS,
        )
        accounts = await connection.fetch(
            "select customer_id, id from account where customer_id = any($1)"
            " order by customer_id, opened_on, id limit $2",
            [row["id"] for row in rows],
            _ROWS,
        )
    finally:
        await connection.close()
    numbers = [
        keys.ring.cipher(row["id"], row["wrapped_key"]).decrypt(
            "customer.national_id_ciphertext", row["id"], row["national_id_ciphertext"]
        )
        for row in rows
    ]
    return Sample(
        manager["branch_id"],
        {Role.BRANCH_MANAGER: manager["id"], Role.COMPLIANCE: auditor},
        [row["id"] for row in rows],
        [(row["customer_id"], row["id"]) for row in accounts],
        numbers,
        [keys.index.national_id(number).hex() for number in numbers],
    )


def cases(found: Sample) -> list[Case]:
    """Give the cases for a sample."""
    branch = {"branch": str(found.branch)}
    accounts = [{"customer": str(owner), "account": str(id_)} for owner, id_ in found.accounts]
    account_ids = [{"id": format_id("acc", owner, id_)} for owner, id_ in found.accounts]
    of_account = "($customer: UUID!, $account: UUID!) { accountByCustomerIdAndRowId"
    peer_account = "($customer: ID!, $account: ID!)"
    manager = Role.BRANCH_MANAGER
    return [
        Case(
            "360",
            "360 of one customer",
            manager,
            f"query Customer360($id: ID!) {{ customer(id: $id) {{ {_GRAPH} }} }}",
            [{"id": format_id("cus", id_, id_)} for id_ in found.customers],
            f"query Customer360($id: ID!) {{ customer(id: $id) {{ {_GRAPH} }} }}",
            [{"id": str(id_)} for id_ in found.customers],
            "query Customer360($id: UUID!)"
            f" {{ customerByRowId(rowId: $id) {{ {_POSTGRAPHILE_GRAPH} }} }}",
        ),
        Case(
            "list-graph",
            "list of 50 with graph",
            manager,
            f"query Customers {{ customers(first: 50) {{ nodes {{ {_GRAPH} }} }} }}",
            [{}],
            "query Customers($branch: ID!)"
            f" {{ customers(branch: $branch, first: 50) {{ nodes {{ {_GRAPH} }} }} }}",
            [branch],
            _PAGE_OF % _POSTGRAPHILE_GRAPH,
        ),
        Case(
            "list-flat",
            "list of 50, flat",
            manager,
            f"query Names {{ customers(first: 50) {{ nodes {{ {_FLAT} }} }} }}",
            [{}],
            "query Names($branch: ID!)"
            f" {{ customers(branch: $branch, first: 50) {{ nodes {{ {_FLAT} }} }} }}",
            [branch],
            _PAGE_OF % _FLAT.replace("name", "nameCiphertext"),
        ),
        Case(
            "transactions",
            "page of transactions",
            manager,
            f"query Bookings($id: ID!) {{ account(id: $id) {{ {_TRANSACTIONS} }} }}",
            account_ids,
            f"query Bookings{peer_account}"
            f" {{ account(customer: $customer, account: $account) {{ {_TRANSACTIONS} }} }}",
            accounts,
            f"query Bookings{of_account}(customerId: $customer, rowId: $account) {{"
            " postingsByCustomerIdAndAccountId(first: 20, orderBy: [BOOKED_AT_DESC, ROW_ID_DESC])"
            " { nodes { kind amount currency balanceAfter bookedAt valueOn channel }"
            " pageInfo { hasNextPage } } } }",
        ),
        Case(
            "node",
            "node",
            manager,
            "query Node($id: ID!) { node(id: $id) { __typename ... on Account"
            " { kind status balance { amount currency } openedOn } } }",
            account_ids,
            f"query Node{peer_account} {{ node: account(customer: $customer, account: $account)"
            " { __typename kind status balance { amount currency } openedOn } }",
            accounts,
            f"query Node{of_account}(customerId: $customer, rowId: $account)"
            " { __typename kind status balance currency openedOn } }",
        ),
        Case(
            "look-up",
            "look-up by national id",
            Role.COMPLIANCE,
            "query Found($value: String!) { customerBy(by: {nationalId: $value})"
            " { number name tier status } }",
            [{"value": number} for number in found.national_ids],
            "query Found($digest: String!) { customerBy(digest: $digest)"
            " { number name tier status } }",
            [{"digest": digest} for digest in found.digests],
            missing="its schema has no way from the index of national ids to the customer",
        ),
        Case(
            "viewer",
            "who is asking: nothing of the database",
            manager,
            "query Who { viewer { actingRole } }",
            [{}],
            None,
            [{}],
            missing="it knows no viewer",
        ),
    ]
