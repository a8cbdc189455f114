"""Which selections show the same to all of one post who see a customer."""

import pytest
from graphql import FieldNode, FragmentDefinitionNode, OperationDefinitionNode, parse

from app.db.scope import NARROWED
from app.planner.sharing import Sharing
from app.schema.root import graphql_schema

TICKET = "subscription {{ ticketUpdated(assignedToMe: true) {{ ... on TicketUpdate {{ {} }} }} }}"
ALIKE = [
    "position",
    "__typename",
    "ticket { id number status queue version openedAt }",
    "ticket { assignee { id name } }",
    "ticket { comments { body internal staff { name } } }",
    "event { number kind comment { body } }",
    "ticket { customer { name tier phone address { city } branch { name } } }",
    "ticket { customer { accounts { number balance { amount } } } }",
    "ticket { customer { segments { code } } }",
]
PERSONAL = [
    "ticket { viewerCan { action allowed } }",
    "ticket { customer { viewerCan { action allowed } } }",
    "ticket { customer { relationships { customer { name } } } }",
    "ticket { customer { timeline(first: 1) { totalCount } } }",
    "ticket { customer { accounts { holders { name } } } }",
]


def is_alike(query: str) -> bool:
    schema, document = graphql_schema(), parse(query)
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    (operation,) = (n for n in document.definitions if isinstance(n, OperationDefinitionNode))
    (field,) = operation.selection_set.selections
    assert isinstance(field, FieldNode)
    assert schema.subscription_type is not None
    type_ = schema.subscription_type.fields[field.name.value].type
    return Sharing(schema, fragments, NARROWED).is_alike(field, type_)


@pytest.mark.parametrize("selected", ALIKE)
def test_rows_of_the_customer_and_of_nobody_are_shown_alike(selected: str) -> None:
    assert is_alike(TICKET.format(selected))


@pytest.mark.parametrize("selected", PERSONAL)
def test_what_asks_who_the_viewer_is_or_leads_elsewhere_is_personal(selected: str) -> None:
    assert not is_alike(TICKET.format(selected))


def test_fragments_are_looked_through() -> None:
    shown = "subscription { ticketUpdated(assignedToMe: true) { ...F ...F } }"
    fragment = "fragment F on TicketUpdate {{ ticket {{ ...T }} }} fragment T on Ticket {{ {} }}"
    assert is_alike(shown + fragment.format("number"))
    assert not is_alike(shown + fragment.format("viewerCan { action }"))


def test_requests_are_personal() -> None:
    shown = "approval { id customer { name } viewerCan { allowed } }"
    query = f"subscription {{ approvalInbox {{ ... on ApprovalChanged {{ {shown} }} }} }}"
    assert not is_alike(query)
