"""Whatever a viewer's scope, the everyday reads go through indexes under row-level security."""

from typing import Final

import pytest
from explain_bank import Explained
from explain_schema import selection

from app.auth.permissions import Role
from app.auth.scopes import ROW_SCOPES, ScopeKind
from app.planner.global_id import format_id
from app.schema.root import graphql_schema

# One post of each kind of scope, and the person whose scope has the customer with most to show.
POSTS: Final = {
    Role.CUSTOMER: "select '{customer}'::uuid",
    Role.TELLER: "select staff_id from assignment where customer_id = '{customer}'"
    " and role = 'TELLER'",
    Role.SERVICE_AGENT: "select staff_id from staff_queue join ticket using (queue)"
    " where customer_id = '{customer}' and status <> 'CLOSED' limit 1",
    Role.BRANCH_MANAGER: "select staff.id from staff join customer using (branch_id)"
    " join staff_role on staff_id = staff.id"
    " where customer.id = '{customer}' and role = 'BRANCH_MANAGER'",
    Role.COMPLIANCE: "select gen_random_uuid()",
}
BUSY: Final = """
    select customer.id from customer
    where exists (select from loan where customer_id = customer.id and status = 'ACTIVE')
        and exists (select from holding where customer_id = customer.id)
        and exists (select from ticket where customer_id = customer.id and status <> 'CLOSED')
        and exists (select from card where customer_id = customer.id)
    order by (select count(*) from account where customer_id = customer.id) desc, customer.id
    limit 1
"""


def test_every_kind_of_scope_is_asked() -> None:
    assert {ROW_SCOPES[role] for role in POSTS} == set(ScopeKind) - {ScopeKind.NONE}


async def viewed(explained: Explained, role: Role) -> tuple[Explained, str]:
    """The same bank as somebody in the role sees it, and the id of a customer in scope."""
    ((customer,),) = await explained.rows(BUSY)
    ((person,),) = await explained.rows(POSTS[role].format(customer=customer))
    return explained.as_(role, person), format_id("cus", customer, customer)


def expect_no_scan(explained: Explained, what: str) -> None:
    """No big table is read whole."""
    bounds = explained.bank.bounds()
    faults = [fault for fault in explained.faults(bounds) if fault.startswith("scans")]
    assert not faults, "\n".join((f"{what}:", *faults))


@pytest.mark.parametrize("role", POSTS)
async def test_the_360_of_one_customer(explained: Explained, role: Role) -> None:
    viewer, wanted = await viewed(explained, role)
    everything = selection(graphql_schema().type_map["Customer"], 2)
    data = await viewer.run(f'{{ customer(id: "{wanted}") {{ {everything} }} }}')
    assert data["customer"]["timeline"]["nodes"]
    assert data["customer"]["loans"]
    expect_no_scan(viewer, f"the 360 as {role}")


@pytest.mark.parametrize("role", POSTS)
@pytest.mark.parametrize("listed", ["customers", "tickets"])
async def test_the_first_page_of_a_list(explained: Explained, listed: str, role: Role) -> None:
    viewer, _ = await viewed(explained, role)
    child = graphql_schema().type_map[listed.removesuffix("s").title()]
    shown = selection(child, 0)
    data = await viewer.run(f"{{ {listed}(first: 20) {{ nodes {{ id {shown} }} }} }}")
    assert data[listed]["nodes"]
    expect_no_scan(viewer, f"{listed} as {role}")


@pytest.mark.parametrize("role", POSTS)
async def test_a_look_up(explained: Explained, role: Role) -> None:
    viewer, wanted = await viewed(explained, role)
    ((number,),) = await explained.rows(f"select number from customer where id = ({BUSY})")
    query = "query ($by: CustomerBy!) { customerBy(by: $by) { id } }"
    data = await viewer.run(query, by={"number": number})
    assert data["customerBy"]["id"] == wanted
    expect_no_scan(viewer, f"customerBy as {role}")
