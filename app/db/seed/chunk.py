"""Making all rows of one chunk of customers; nothing outside of it is needed or touched."""

from random import Random
from typing import Final

from app.db.seed import customers
from app.db.seed.accounts import open_accounts
from app.db.seed.consents import add_consents
from app.db.seed.ledger import Account, book
from app.db.seed.loans import add_loan
from app.db.seed.people import HOUSEHOLD, Link, Member, Person, households
from app.db.seed.plan import Plan
from app.db.seed.rows import Chunk
from app.db.seed.service import add_interactions, add_tickets
from app.db.seed.wealth import add_holdings
from app.domain.customer import CustomerStatus, RelationshipKind

# A chunk is one transaction, and holds whole households.
CHUNK_CUSTOMERS: Final = 125 * HOUSEHOLD


def make_chunk(plan: Plan, first: int) -> Chunk:
    """Invent the chunk that begins with customer ``first``."""
    chunk = Chunk(plan)
    last = min(first + CHUNK_CUSTOMERS - 1, plan.customers)
    for people, links in households(plan, first, last):
        members = {person.n: _member(chunk, person, rng) for person, rng in people}
        for link in links:
            _connect(chunk, link, members)
    chunk.close()
    return chunk


def _member(chunk: Chunk, person: Person, rng: Random) -> tuple[Member, Account]:
    """Make a customer; give it with the first account."""
    member = Member(person, customers.add_customer(chunk, person), rng)
    add_consents(chunk, person)
    accounts = open_accounts(chunk.plan, person, rng)
    first = accounts[0]
    add_loan(chunk, member, first)
    add_holdings(chunk, member, first)
    for account in accounts:
        book(chunk, member, account)
    customers.add_card(chunk, member, person, first)
    customers.add_standing_orders(chunk, member, first)
    if person.status is not CustomerStatus.CLOSED:
        add_tickets(chunk, member)
        add_interactions(chunk, member)
    return member, first


def _connect(chunk: Chunk, link: Link, members: dict[int, tuple[Member, Account]]) -> None:
    one, other = members[link.one], members[link.other]
    customers.add_link(chunk, link, one[0].person, other[0].person)
    # A child uses the account of a parent; the first of a couple shares the own one.
    is_child = link.kind is RelationshipKind.PARENT
    (lender, account), (holder, _) = (other, one) if is_child else (one, other)
    role = customers.shared_with(link, holder.rng)
    owner = lender.person
    if role is not None and owner.does_business and holder.person.does_business:
        customers.add_holder(chunk, owner, holder.person, account, role)
        customers.add_card(chunk, holder, owner, account)
