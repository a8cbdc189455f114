"""The rows of one customer: profile, keys, look-ups, who is responsible, cards, orders, links."""

from datetime import date, timedelta
from random import Random
from typing import Final

from app.auth.permissions import Role
from app.db.crypto import CustomerCipher
from app.db.loading import ADVISED_TIERS, midnight
from app.db.seed import identity, ledger
from app.db.seed.ledger import Account
from app.db.seed.people import HOUSEHOLD, Link, Member, Person
from app.db.seed.plan import happens, money
from app.db.seed.rows import Chunk
from app.domain.account import (
    AccountKind,
    CardLevel,
    CardStatus,
    HolderRole,
    OrderFrequency,
    OrderPurpose,
    OrderStatus,
)
from app.domain.customer import ContactKind, DataSource, RelationshipKind, Tier
from app.domain.dates import add_months

_CALLING_CODE: Final = {"zh": "86", "en": "1"}
_SOURCE: Final = DataSource.SEED
_CARD_HOLDERS: Final = 0.75
_CARD_MONTHS: Final = 60
_BLOCKED: Final = 0.02
_CARD_LEVELS: Final = {
    Tier.NORMAL: CardLevel.STANDARD,
    Tier.SILVER: CardLevel.SIGNATURE,
    Tier.GOLD: CardLevel.INFINITE,
    Tier.PLATINUM: CardLevel.INFINITE,
}
_PURPOSES: Final = {
    ledger.HOUSEHOLD: OrderPurpose.HOUSEHOLD,
    ledger.INSURANCE: OrderPurpose.INSURANCE,
}
_JOINT: Final = 0.5
_USER: Final = 0.25


def add_customer(chunk: Chunk, person: Person) -> CustomerCipher:
    """Add a customer's profile, key, look-up rows and responsible staff; give the cipher."""
    plan = chunk.plan
    wrapped, cipher = plan.keys.ring.make(person.id)
    born = person.born_on
    since = midnight(person.since)

    def sealed(column: str, value: str) -> bytes:
        return cipher.encrypt(f"customer.{column}", person.id, value)

    chunk.add(
        "customer", person.id, person.number, person.type, _SOURCE, person.status, person.kyc,
        person.tier, person.gender, person.occupation if person.is_individual else None,
        person.risk, person.grade, person.score, person.language, person.channel,
        person.branch.id, person.since, sealed("name_ciphertext", person.name),
        None if born is None else sealed("birth_date_ciphertext", born.isoformat()),
        sealed("national_id_ciphertext", person.national_id),
        sealed("phone_ciphertext", person.phone), sealed("email_ciphertext", person.email),
        sealed("address_ciphertext", person.address), since,
    )  # fmt: skip
    chunk.add("customer_key", person.id, wrapped)
    chunk.add("customer_number", person.number, person.id)
    index = plan.keys.index
    chunk.add("national_id_index", index.national_id(person.national_id), person.id)
    for digest in index.phones(person.phone_digits, _CALLING_CODE[person.language]):
        chunk.add("contact_index", digest, person.id, ContactKind.PHONE)
    chunk.add("contact_index", index.email(person.email), person.id, ContactKind.EMAIL)
    for digest in index.name_prefixes(person.name):
        chunk.add("name_index", digest, person.id)
    roles = [Role.RELATIONSHIP_MANAGER, Role.TELLER]
    if person.tier in ADVISED_TIERS:
        roles.append(Role.WEALTH_ADVISOR)
    for role in roles:
        staff_id = plan.posts.holder(person.branch.id, role, person.number)
        chunk.add("assignment", person.id, role, staff_id, since)
    return cipher


def add_card(chunk: Chunk, member: Member, owner: Person, account: Account) -> None:
    """Give a natural person a card on an account, the own one or one that is shared."""
    plan, person, rng = chunk.plan, member.person, member.rng
    if not (happens(rng, _CARD_HOLDERS) and person.is_individual and person.does_business):
        return
    place = 1 if owner is person else 2 + owner.n % HOUSEHOLD
    number = identity.card_number(person.n, place)
    begun = max(account.opened_on, person.since)
    days = min((plan.business_date - begun).days, 30 * (_CARD_MONTHS + 6))
    issued_on = plan.business_date - timedelta(days=int(rng.random() * days))
    expires_on = add_months(issued_on, _CARD_MONTHS)
    status = CardStatus.BLOCKED if happens(rng, _BLOCKED) else CardStatus.ACTIVE
    if expires_on < plan.business_date:
        status = CardStatus.EXPIRED
    row_id = plan.id(midnight(issued_on), "card", number)
    sealed = member.cipher.encrypt("card.number_ciphertext", row_id, number)
    chunk.add(
        "card", person.id, row_id, owner.id, account.id, _CARD_LEVELS[person.tier], status,
        issued_on, expires_on, sealed, _SOURCE,
    )  # fmt: skip


def _next_on(business_date: date, day: int) -> date:
    """Give the first such day of a month that is not before the business date."""
    this_month = business_date.replace(day=day)
    return this_month if this_month >= business_date else add_months(this_month, 1)


def add_standing_orders(chunk: Chunk, member: Member, account: Account) -> None:
    """Add the orders that pay an account's monthly bills."""
    plan, person, cipher = chunk.plan, member.person, member.cipher
    for place, paid in enumerate(account.fixed, start=1):
        at = midnight(account.opened_on)
        row_id = plan.id(at, "standing order", account.number, str(place))
        payee = cipher.encrypt("standing_order.payee_account_ciphertext", row_id, paid.account)
        chunk.add(
            "standing_order", person.id, row_id, account.id, _PURPOSES[paid.booking],
            money(paid.cents), account.currency, OrderFrequency.MONTHLY, OrderStatus.ACTIVE,
            _next_on(plan.business_date, paid.day), paid.bank, payee, _SOURCE,
            _next_on(account.opened_on, paid.day),
        )  # fmt: skip


def add_link(chunk: Chunk, link: Link, one: Person, other: Person) -> None:
    """Write how two customers are connected, once under each of them."""
    since = max(one.since, other.since)
    pairs = ((one, other, link.kind), (other, one, link.back))
    _add_pairs(chunk, since, pairs)


def _add_pairs(
    chunk: Chunk,
    since: date,
    pairs: tuple[tuple[Person, Person, RelationshipKind], ...],
) -> None:
    for mine, its, kind in pairs:
        row_id = chunk.plan.id(midnight(since), "relationship", mine.number, its.number, kind.value)
        chunk.add("relationship", mine.id, row_id, its.id, kind, since)


def shared_with(link: Link, rng: Random) -> HolderRole | None:
    """Decide whether the other customer's account may be used, and as what.

    Spouses hold the first one's account jointly, children use a parent's.
    """
    draw = rng.random()
    if link.kind is RelationshipKind.SPOUSE and draw < _JOINT:
        return HolderRole.JOINT_HOLDER
    if link.kind is RelationshipKind.PARENT and draw < _USER:
        return HolderRole.AUTHORISED_USER
    return None


def add_holder(
    chunk: Chunk, owner: Person, holder: Person, account: Account, role: HolderRole
) -> None:
    """Let a customer use another's account: on both sides, and as a relationship of the two."""
    assert account.kind is AccountKind.DEMAND
    since = max(account.opened_on, holder.since)
    chunk.add("account_holder", owner.id, account.id, holder.id, role, since)
    chunk.add("held_account", holder.id, owner.id, account.id, role)
    kind = RelationshipKind.SHARES_ACCOUNT
    _add_pairs(chunk, since, ((owner, holder, kind), (holder, owner, kind)))
