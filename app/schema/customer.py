"""Customers: the 360 view."""

from datetime import date
from typing import Annotated

import strawberry

from app.auth.permissions import Mask, Permission
from app.db import tables, views
from app.db.consents import holds
from app.domain.customer import (
    CreditGrade,
    CustomerStatus,
    CustomerType,
    Gender,
    KycStatus,
    RelationshipKind,
    RiskAppetite,
    Tier,
    age_in_years,
)
from app.domain.money import Currency
from app.domain.service import Channel, TicketStatus
from app.planner.declare import (
    Node,
    aggregate,
    column,
    computed,
    count,
    embedded,
    encrypted,
    pages,
    projection,
    relation,
    through,
    union,
)
from app.planner.enums import graphql_enum
from app.planner.fields import Member
from app.planner.pages import Connection
from app.planner.projection import Order
from app.schema import buttons
from app.schema.access import ViewerCan
from app.schema.account import Account, Card, Transaction
from app.schema.bank import Branch, Staff
from app.schema.behaviour import PERIOD_ARGUMENTS, Behaviour, check_period
from app.schema.consent import Consent
from app.schema.loan import Loan
from app.schema.scalars import Address, Money, read_address
from app.schema.segment import Segment
from app.schema.service import Interaction, Ticket
from app.schema.standing_order import Payee
from app.schema.wealth import Holding

for members in (
    CreditGrade,
    CustomerStatus,
    CustomerType,
    Gender,
    KycStatus,
    RelationshipKind,
    RiskAppetite,
    Tier,
):
    graphql_enum(members)


@projection(
    views.currency_totals,
    key=None,
    requires=Permission.MONEY_READ,
    description="What a customer owns and owes in one currency, at this moment.",
    orders={"CURRENCY": Order(("currency",), "By currency code.")},
)
class CurrencyTotal:
    """What a customer owns and owes in one currency."""

    currency: Currency = column(description="The currency of the three amounts.")
    assets: Money = embedded(
        Money,
        amount="assets",
        currency="currency",
        description="Balances of own accounts that are not overdrawn, and the value of holdings.",
    )
    liabilities: Money = embedded(
        Money,
        amount="liabilities",
        currency="currency",
        description="Outstanding loans and overdrawn balances, as a positive amount.",
    )
    net_worth: Money = embedded(
        Money,
        amount=lambda total: total.c.assets - total.c.liabilities,
        currency="currency",
        description="Assets less liabilities.",
    )


@projection(
    tables.Relationship,
    prefix="rel",
    requires=Permission.PROFILE_READ,
    description="A connection of a customer to another customer.",
    orders={"OLDEST": Order(("id",), "First recorded first.")},
)
class Relationship(Node):
    """A connection to another customer."""

    kind: RelationshipKind = column(description="How they are connected.", filterable=True)
    since: date | None = column(description="Since when, if known.")
    customer: Annotated["Customer", strawberry.lazy("app.schema.customer")] | None = relation(
        ("related_customer_id", "id"), description="The other customer."
    )


TimelineEntry = Annotated[
    Ticket | Interaction | Transaction,
    strawberry.union("TimelineEntry", description="Something that happened with a customer."),
]


@projection(
    tables.Customer,
    prefix="cus",
    owner="id",
    requires=Permission.CUSTOMER_READ,
    description="A customer of the bank, with everything the bank knows of them.",
    orders={
        "NEWEST": Order(("-customer_since",), "Newest customer first."),
        "OLDEST": Order(("customer_since",), "Longest-standing customer first."),
    },
)
class Customer(Node):
    """A customer of the bank."""

    number: str | None = column(
        requires=Permission.CUSTOMER_NAME_READ, mask=Mask.PSEUDONYM, description="Customer number."
    )
    type: CustomerType = column(description="What kind of party.", filterable=True)
    status: CustomerStatus = column(description="Where they stand.", filterable=True)
    kyc_status: KycStatus = column(description="How far identity is verified.", filterable=True)
    tier: Tier = column(description="Value tier.", filterable=True)
    name: str | None = encrypted(
        "name_ciphertext",
        requires=Permission.CUSTOMER_NAME_READ,
        mask=Mask.PSEUDONYM,
        description="Full name.",
    )
    gender: Gender | None = column(description="Gender, when recorded.", filterable=True)
    birth_date: date | None = encrypted(
        "birth_date_ciphertext",
        decode=date.fromisoformat,
        requires=Permission.CUSTOMER_IDENTITY_READ,
        mask=Mask.BIRTH_DATE,
        description="Date of birth.",
    )
    age: int | None = computed(
        age_in_years,
        born_on="birth_date",
        at=views.business_date,
        description="Completed years at the business date; null without a birth date.",
    )
    occupation: str | None = column(description="Occupation, when known.", filterable=True)
    national_id: str | None = encrypted(
        "national_id_ciphertext",
        requires=Permission.CUSTOMER_IDENTITY_READ,
        mask=Mask.NATIONAL_ID,
        description="National identity number.",
    )
    phone: str | None = encrypted(
        "phone_ciphertext",
        requires=Permission.CUSTOMER_CONTACT_READ,
        mask=Mask.PHONE,
        description="Telephone number.",
    )
    email: str | None = encrypted(
        "email_ciphertext",
        requires=Permission.CUSTOMER_CONTACT_READ,
        mask=Mask.EMAIL,
        description="E-mail address.",
    )
    address: Address | None = encrypted(
        "address_ciphertext",
        decode=read_address,
        requires=Permission.CUSTOMER_CONTACT_READ,
        mask=Mask.ADDRESS,
        description="Postal address.",
    )
    language: str | None = column(
        requires=Permission.PROFILE_READ, description="Preferred language (BCP 47), when known."
    )
    preferred_channel: Channel | None = column(
        requires=Permission.PROFILE_READ, description="Preferred channel, when known."
    )
    consents: list[Consent] | None = relation(
        ("id", "customer_id"),
        where=holds,
        description="What the customer allows and forbids now: one for each purpose spoken of.",
    )
    consent_history: Connection[Consent] | None = pages(
        ("id", "customer_id"),
        description="Everything the customer ever allowed or forbade, latest first.",
    )
    credit_grade: CreditGrade | None = column(
        requires=Permission.CREDIT_READ,
        description="Internal credit grade; null when never assessed.",
        filterable=True,
    )
    credit_score: int | None = column(
        requires=Permission.CREDIT_READ,
        description="Credit score from 0 to 1000; null when never assessed.",
        filterable=True,
    )
    risk_appetite: RiskAppetite | None = column(
        requires=Permission.HOLDING_READ,
        description="Result of the risk questionnaire; null when never answered.",
        filterable=True,
    )
    customer_since: date = column(description="First day as a customer.", filterable=True)
    viewer_can: list[ViewerCan] = buttons.of_customer()
    version: int = column(description="Rises with every change; for `expectedVersion`.")
    branch: Branch | None = relation(("branch_id", "id"), description="The customer's branch.")
    relationship_manager: Staff | None = through(
        tables.Assignment,
        parent=(("customer_id", "id"),),
        child=(("staff_id", "id"),),
        link_where=lambda link: link.c.role == "RELATIONSHIP_MANAGER",
        description="The customer manager; null while none is assigned.",
    )
    accounts: list[Account] | None = relation(
        ("id", "customer_id"), description="Accounts that the customer owns, first opened first."
    )
    held_accounts: list[Account] | None = through(
        tables.HeldAccount,
        parent=(("customer_id", "id"),),
        child=(("owner_id", "customer_id"), ("account_id", "id")),
        description="Accounts of other customers that this customer may use.",
    )
    payees: list[Payee] | None = relation(
        ("id", "customer_id"), description="Whom the customer pays, first added first."
    )
    cards: list[Card] | None = relation(
        ("id", "customer_id"), description="Payment cards, last issued first."
    )
    loans: list[Loan] | None = relation(
        ("id", "customer_id"), description="Loans, last granted first."
    )
    holdings: list[Holding] | None = relation(
        ("id", "customer_id"), description="Units of products that the customer holds."
    )
    segments: list[Segment] | None = through(
        tables.SegmentMembership,
        parent=(("customer_id", "id"),),
        child=(("segment_id", "id"),),
        description="Segments that the customer belongs to.",
    )
    tickets: Connection[Ticket] | None = pages(
        ("id", "customer_id"), description="Requests to the service desk, last opened first."
    )
    open_ticket_count: int | None = aggregate(
        "tickets",
        count,
        where=lambda ticket: ticket.c.status.not_in(
            [TicketStatus.RESOLVED.value, TicketStatus.CLOSED.value]
        ),
        requires=Permission.TICKET_READ,
        description="Number of requests that are neither resolved nor closed.",
    )
    interactions: Connection[Interaction] | None = pages(
        ("id", "customer_id"), description="Contacts, latest first."
    )
    transactions: Connection[Transaction] | None = pages(
        ("id", "customer_id"), description="Bookings on all own accounts, latest first."
    )
    relationships: list[Relationship] | None = relation(
        ("id", "customer_id"), description="Connections to other customers."
    )
    totals: list[CurrencyTotal] | None = relation(
        ("id", "customer_id"), description="What the customer owns and owes, by currency."
    )
    timeline: Connection[TimelineEntry] | None = union(
        Member("tickets", "opened_at"),
        Member("interactions", "started_at"),
        Member("transactions", "booked_at"),
        requires=Permission.PROFILE_READ,
        description="Requests, contacts and bookings in one list, latest first.",
    )
    behaviour: Behaviour | None = relation(
        ("id", "customer_id"),
        description=(
            "Activity, channels, flows of money and spending over whole months, ten years at most."
        ),
        arguments=PERIOD_ARGUMENTS,
        check=check_period,
    )
