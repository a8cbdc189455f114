"""No canonical query and no named order reads a big table whole, sorts it, or filters much away."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pytest
from explain_bank import Explained
from explain_schema import Listed, lists, selection

from app.auth.permissions import Role
from app.db.bank_itself import BANK_ID
from app.planner.global_id import GlobalId, format_id
from app.schema.nodes import PROJECTIONS
from app.schema.root import graphql_schema

PAGE: Final = 20
# What lists, or lists of a type, are commonly narrowed by. A condition that hardly any row of a
# list meets reads the whole list, whatever its order.
FILTERS: Final[Mapping[str, Sequence[str]]] = {
    "Account": ("{kind: {eq: DEMAND}}",),
    "Customer": ("{status: {eq: ACTIVE}, tier: {eq: GOLD}}",),
    "Interaction": ("{channel: {eq: BRANCH}}",),
    "Ticket": (
        "{status: {eq: IN_PROGRESS}}",
        '{queue: {eq: "CARDS"}}',
        '{queue: {eq: "LOANS"}, status: {eq: IN_PROGRESS}}',
    ),
    "Segment.members": ("{type: {eq: INDIVIDUAL}}",),
    "Transaction": (
        '{amount: {lte: "-100"}}',
        '{bookedAt: {gte: "2026-01-01T00:00:00Z", lte: "2026-02-01T00:00:00Z"}}',
    ),
}
LISTS: Final = tuple(lists())


def expect_cheap(explained: Explained, what: str, parents: int = 1) -> None:
    faults = explained.faults(explained.bank.bounds(parents))
    assert not faults, "\n".join((f"{what}:", *faults))


async def parents_of(explained: Explained, listed: Listed) -> list[str]:
    """Global id of the row with the longest such list.

    Where there are few parents, all of them; nothing for a root field. The bank's own rows are
    nobody's.
    """
    if listed.parent is None or listed.children is None:
        return [""]
    parent, children = listed.parent, listed.children
    key, owner = parent.key, parent.owner or parent.key
    assert key is not None
    assert owner is not None
    if explained.bank.rows[parent.table_name] <= PAGE:
        table, columns, condition = parent.table_name, {key: key, owner: owner}, "true"
        limit = PAGE
    else:
        columns = {ours: theirs for theirs, ours in children.pairs}
        table = children.table if children.table in explained.bank.rows else "account"
        condition = f"customer_id <> '{BANK_ID}'"
        limit = 1
    by = ", ".join(columns.values())
    found = await explained.rows(
        f"select {by} from {table} where {condition} group by {by}"
        f" order by count(*) desc limit {limit}"
    )
    places = list(columns)
    assert parent.prefix is not None
    return [
        format_id(parent.prefix, row[places.index(owner)], row[places.index(key)]) for row in found
    ]


def arguments(listed: Listed) -> Iterator[tuple[str, str, str]]:
    """The pages of a list: a name, the arguments, and those of the page that gives the cursor.

    A page far from where the list begins is one that begins at its other end.
    """
    sort = f"sort: {listed.order}" if listed.order else ""
    name = f"{listed.type_name}.{listed.field}"
    for given in ("", *FILTERS.get(name, FILTERS.get(listed.child, ()))):
        # A union is not narrowed.
        same = f"{sort} filter: {given}" if given else sort
        if not listed.paged:
            yield given, same, ""
            continue
        yield f"first {given}", f"{same} first: {PAGE}", ""
        yield f"after {given}", f"{same} first: {PAGE} after: $cursor", f"{same} last: 40"
        if not given:
            yield "last", f"{sort} last: {PAGE}", ""
            yield "before", f"{sort} last: {PAGE} before: $cursor", f"{sort} first: 40"


def operation(listed: Listed, parent: str, given: str) -> str:
    """Read a list with all that its rows show of themselves."""
    child: Any = graphql_schema().type_map[listed.child]
    shown = selection(child, 0)
    if listed.paged:
        shown = f"nodes {{ {shown} }} pageInfo {{ startCursor endCursor }}"
    field = f"list: {listed.field}{f'({given})' if given.strip() else ''} {{ {shown} }}"
    variables = "($cursor: String)" if "$cursor" in given else ""
    if not parent:
        return f"query List{variables} {{ {field} }}"
    of_parent = f'node(id: "{parent}") {{ ... on {listed.type_name} {{ {field} }} }}'
    return f"query List{variables} {{ {of_parent} }}"


def list_in(data: dict[str, Any]) -> Any:
    return (data if "list" in data else data["node"])["list"]


@pytest.mark.parametrize("listed", LISTS, ids=str)
async def test_every_list_in_every_order_is_read_off_an_index(
    explained: Explained, listed: Listed
) -> None:
    for parent in await parents_of(explained, listed):
        for name, given, before in arguments(listed):
            cursor = None
            if before:
                opposite = list_in(await explained.run(operation(listed, parent, before)))
                place = "startCursor" if "last" in before else "endCursor"
                cursor = opposite["pageInfo"][place]
            variables = {"cursor": cursor} if before else {}
            await explained.run(operation(listed, parent, given), **variables)
            expect_cheap(explained, f"{listed} of {parent or 'the bank'}, {name}")


async def everyday_customer(explained: Explained) -> str:
    """A customer who has something of everything."""
    ((customer_id,),) = await explained.rows(
        """
        select customer.id from customer
        where exists (select from loan where customer_id = customer.id and status = 'ACTIVE')
            and exists (select from holding where customer_id = customer.id)
            and exists (select from ticket where customer_id = customer.id)
            and exists (select from card where customer_id = customer.id)
        order by (select count(*) from account where customer_id = customer.id) desc, customer.id
        limit 1
        """
    )
    return format_id("cus", customer_id, customer_id)


async def test_the_360_of_one_customer(explained: Explained) -> None:
    wanted = await everyday_customer(explained)
    everything = selection(graphql_schema().type_map["Customer"], 2)
    data = await explained.run(f'{{ customer(id: "{wanted}") {{ {everything} }} }}')
    customer = data["customer"]
    assert customer["timeline"]["nodes"]
    assert explained.reads.plans
    expect_cheap(explained, "the 360", parents=10)


async def test_a_list_of_fifty_customers_with_their_graph(explained: Explained) -> None:
    graph = selection(graphql_schema().type_map["Customer"], 2, page=5)
    for sort in ("NEWEST", "OLDEST"):
        data = await explained.run(
            f"{{ customers(first: 50, sort: {sort}) {{ nodes {{ {graph} }} }} }}"
        )
        assert len(data["customers"]["nodes"]) == 50
        expect_cheap(explained, f"fifty customers, {sort}", parents=50)


async def test_every_type_by_its_id(explained: Explained) -> None:
    ids = []
    unseeded = {"apr", "aud", "hld", "pay", "rea", "svc"}
    seeded = {prefix: each for prefix, each in PROJECTIONS.items() if prefix not in unseeded}
    for prefix, projection in seeded.items():
        owner, key = projection.owner or projection.key, projection.key
        found = await explained.rows(
            f"select {owner}, {key} from {projection.table_name}"
            f" where {owner} <> '{BANK_ID}' order by {key} desc limit 3"
        )
        assert found, f"the seeded bank has no {projection.type_name}"
        ids += [format_id(prefix, *row) for row in found]
    schema = graphql_schema()
    shown = " ".join(
        f"... on {each.type_name} {{ {selection(schema.type_map[each.type_name], 0)} }}"
        for each in seeded.values()
    )
    data = await explained.run(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename " + shown + " } }", ids=ids
    )
    assert None not in data["nodes"]
    expect_cheap(explained, "nodes")
    for one in ids[::3]:
        await explained.run(
            "query ($id: ID!) { node(id: $id) { __typename " + shown + " } }", id=one
        )
        expect_cheap(explained, f"node {one}")


@pytest.mark.parametrize("by", ["number", "nationalId", "phone", "email", "accountNumber"])
async def test_a_customer_by_each_look_up(explained: Explained, by: str) -> None:
    wanted = await everyday_customer(explained)
    data = await explained.run(
        f'{{ customer(id: "{wanted}") {{ number nationalId phone email accounts {{ number }} }} }}'
    )
    known = data["customer"]
    value = known["accounts"][0]["number"] if by == "accountNumber" else known[by]
    shown = selection(graphql_schema().type_map["Customer"], 0)
    query = "query ($by: CustomerBy!) { customerBy(by: $by) { id " + shown + " } }"
    response = await explained.send(query, by={by: value})
    # Telephone numbers for fiction are few, so that many customers share one.
    if "errors" in response:
        assert by == "phone"
        assert "several customers share" in response["errors"][0]["message"]
    else:
        assert response["data"]["customerBy"]["id"] == wanted
    expect_cheap(explained, f"customerBy {by}", parents=5)


async def test_what_a_customer_comes_to(explained: Explained) -> None:
    customer_id = GlobalId.parse(await everyday_customer(explained)).owner
    own = explained.as_(Role.CUSTOMER, customer_id)
    for listed in LISTS:
        if listed.parent is None:
            for _, given, before in arguments(listed):
                if not before:
                    await own.run(operation(listed, "", given))
                    expect_cheap(own, f"a customer's {listed}, {given}")


async def test_an_account_by_its_number(explained: Explained) -> None:
    await explained.run('{ accountBy(number: "36000000000201") { id number } }')
    expect_cheap(explained, "accountBy")
