"""What a customer did in a period: activity, channels, money in and out, spending."""

from datetime import date
from decimal import Decimal

from app.auth.permissions import Permission
from app.db import behaviour
from app.domain.behaviour import SpendingCategory, period_fault
from app.domain.service import Channel
from app.planner.declare import column, embedded, projection, relation
from app.planner.enums import graphql_enum
from app.planner.errors import bad_input
from app.planner.fields import Argument
from app.planner.projection import Order
from app.schema.scalars import Money

graphql_enum(SpendingCategory)

_PERIOD = (("customer_id", "customer_id"), ("starts_on", "starts_on"), ("ends_on", "ends_on"))
PERIOD_ARGUMENTS = (
    Argument(
        "from_", date, "First month, by any of its days; eleven months before `to` unless given."
    ),
    Argument("to", date, "Last month, by any of its days; that of the business date unless given."),
)


def check_period(from_: date | None, to: date | None) -> None:
    """Refuse a period that ends before it begins, or that is longer than ten years."""
    fault = period_fault(from_, to)
    if fault is not None:
        raise bad_input(fault)


@projection(
    behaviour.monthly_activity,
    owner=None,
    key=None,
    public=True,
    description="How often something happened in a month; months without anything are left out.",
    parameters=behaviour.OF_PERIOD,
    orders={"OLDEST": Order(("month",), "Earliest month first.")},
)
class MonthlyActivity:
    """How often something happened in a month."""

    month: date = column(description="The month's first day.")
    transaction_count: int = column(description="Bookings on own accounts.")
    contact_count: int = column(description="Contacts with the bank.")
    ticket_count: int = column(description="Requests opened.")


@projection(
    behaviour.channel_use,
    owner=None,
    key=None,
    public=True,
    description="How much a channel was used for bookings, contacts and requests.",
    parameters=behaviour.OF_PERIOD,
    orders={"MOST_USED": Order(("-uses", "channel"), "Most used first.")},
)
class ChannelUse:
    """How much a channel was used."""

    channel: Channel = column(description="The channel.")
    count: int = column("uses", description="How often it was used.")
    share: Decimal = column(
        description="Its share of all uses whose channel is known, as a fraction to four digits."
    )
    last_used_on: date = column(description="The day of its last use (UTC).")


@projection(
    behaviour.monthly_flow,
    owner=None,
    key=None,
    public=True,
    description=(
        "Money that came to and left a customer's own accounts in a month, in one currency; moves "
        "between own accounts are left out."
    ),
    parameters=behaviour.OF_PERIOD,
    orders={"OLDEST": Order(("month", "currency"), "Earliest month first.")},
)
class MonthlyFlow:
    """Money in and out of a month."""

    month: date = column(description="The month's first day.")
    money_in: Money = embedded(
        Money, amount="money_in", currency="currency", description="What came."
    )
    money_out: Money = embedded(
        Money,
        amount="money_out",
        currency="currency",
        description="What left, as a positive amount.",
    )


@projection(
    behaviour.spending,
    owner=None,
    key=None,
    public=True,
    description="What was spent on one category in one currency; own transfers are left out.",
    parameters=behaviour.OF_PERIOD,
    orders={"LARGEST": Order(("currency", "-amount", "category"), "Most spent first.")},
)
class Spending:
    """What was spent on a category."""

    category: SpendingCategory = column(description="What it was spent on.")
    count: int = column(description="Number of bookings.")
    amount: Money = embedded(
        Money, amount="amount", currency="currency", description="Their sum, as a positive amount."
    )


@projection(
    behaviour.period,
    owner=None,
    key=None,
    requires=Permission.BEHAVIOUR_READ,
    description="What a customer did in a period of whole months.",
    parameters=behaviour.OF_CUSTOMER,
    # The customer's bookings are aggregated four times.
    cost=20,
)
class Behaviour:
    """What a customer did in a period."""

    starts_on: date = column(description="First day of the period.")
    ends_on: date = column(description="Last day of the period.")
    activity: list[MonthlyActivity] = relation(
        *_PERIOD, description="How often something happened, by month."
    )
    channels: list[ChannelUse] = relation(*_PERIOD, description="Channels by use.")
    flows: list[MonthlyFlow] | None = relation(
        *_PERIOD,
        requires=Permission.MONEY_READ,
        description="Money in and out, by month and currency.",
    )
    spending: list[Spending] = relation(
        *_PERIOD, description="Spending by category and currency, most spent first."
    )
