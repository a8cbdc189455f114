"""What a customer's transfer is asked for before it is carried out, and why.

Lighter for those whom the bank knows well: `Ease` rises with the tier, and whom the customer has
paid often is trusted further. What is out of the ordinary is measured by the account's own past
transfers. Every rule gives its reason, so that the answer can be explained to the customer.
docs/transfers.md shows the rules as a table.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Self

from app.domain.closed_set import ClosedSet
from app.domain.problem import Language

# From so many payments on, a payee is one that the customer pays often.
OFTEN: Final = 3
# A payee that was added less long ago is new: time to notice a theft, or a fraud, and to call.
COOLING_OFF: Final = timedelta(hours=24)
# The past that a transfer is measured by: half a year shows what is paid each quarter.
PAST_DAYS: Final = 180
# Fewer transfers tell nothing of what is usual; of the hour, one for most hours of a working day.
_TRANSFERS_MIN: Final = 5
_HOURS_MIN: Final = 20
_FAR_ABOVE: Final = 3
_WEEKS: Final = Decimal(PAST_DAYS) / 7
_PACE_MIN: Final = 5


class TransferStep(ClosedSet):
    """What a transfer may be asked for."""

    CONFIRMATION_CODE = (
        "CONFIRMATION_CODE",
        "A code that is sent to the phone of whoever orders: see `sendConfirmationCode`.",
    )
    SECOND_PERSON = "SECOND_PERSON", "A second person of the bank agrees."
    COOLING_OFF = "COOLING_OFF", "It waits until `coolingOffUntil`; order it again then."


class RequirementReason(ClosedSet):
    """Why a transfer is asked for something, or for nothing."""

    message_zh: str

    def __new__(cls, value: str, message: str, message_zh: str) -> Self:
        """Make the member of its value and its sentence in English and Chinese."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = message
        member.message_zh = message_zh
        return member

    OWN_ACCOUNTS = (
        "OWN_ACCOUNTS",
        "Both accounts belong to the same customer.",
        "付款账户与收款账户属于同一客户。",
    )
    AT_THE_COUNTER = (
        "AT_THE_COUNTER",
        "Staff who recognised the customer order it, up to the limit of their post.",
        "由核实客户身份的柜面人员在其岗位限额内办理。",
    )
    ABOVE_POST_LIMIT = (
        "ABOVE_POST_LIMIT",
        "The amount is above what the post may move alone.",
        "金额超出该岗位单独办理的限额。",
    )
    SMALL_AMOUNT = (
        "SMALL_AMOUNT",
        "The amount is one that the tier may pay to anybody without more.",
        "金额在该客户等级的小额免验证限额以内。",
    )
    PAYEE_PAID_OFTEN = (
        "PAYEE_PAID_OFTEN",
        "The payee was paid often, and the tier may pay such payees the amount without more.",
        "该收款人为经常付款对象,金额在该客户等级的免验证限额以内。",
    )
    ABOVE_TIER_LIMIT = (
        "ABOVE_TIER_LIMIT",
        "The payee was paid often, but the amount is above what the tier may pay without more.",
        "该收款人虽为经常付款对象,但金额超出该客户等级的免验证限额。",
    )
    PAYEE_SELDOM_PAID = (
        "PAYEE_SELDOM_PAID",
        "The payee was paid only once or twice.",
        "向该收款人付款的次数较少。",
    )
    PAYEE_NEVER_PAID = (
        "PAYEE_NEVER_PAID",
        "The payee was never paid before.",
        "从未向该收款人付款。",
    )
    PAYEE_ADDED_LATELY = (
        "PAYEE_ADDED_LATELY",
        "The payee was added within 24 hours, and what new payees get on a day is limited.",
        "该收款人添加未满 24 小时,当日向新收款人的付款总额受限。",
    )
    PAYEE_NOT_KEPT = (
        "PAYEE_NOT_KEPT",
        "The payee is not kept: add it first, and order the transfer 24 hours later.",
        "该收款人尚未添加:请先添加收款人,24 小时后再转账。",
    )
    UNUSUAL_AMOUNT = (
        "UNUSUAL_AMOUNT",
        "More than three times what nine of ten transfers of the last 180 days were at most.",
        "超过近 180 天内九成转账金额上限的三倍。",
    )
    UNUSUAL_HOUR = (
        "UNUSUAL_HOUR",
        "No transfer of the last 180 days left within two hours of this time of day.",
        "近 180 天内从未在这一时段前后两小时内转账。",
    )
    UNUSUAL_PACE = (
        "UNUSUAL_PACE",
        "More transfers left within the last hour than in a usual week.",
        "最近一小时内的转账笔数超过平时一周。",
    )
    STRONGLY_AUTHENTICATED = (
        "STRONGLY_AUTHENTICATED",
        "Signing in with a second factor a moment ago counts instead of a code.",
        "刚刚完成的双因素登录可代替验证码。",
    )

    def message_in(self, language: Language) -> str:
        """Give the sentence."""
        return self.message_zh if language is Language.ZH else self.description


@dataclass(frozen=True)
class Ease:
    """What a tier may pay to others without more, in one currency.

    ``small`` to anybody, ``often`` to payees paid often, and ``new`` on one day to payees that are
    new; what is above that waits.
    """

    small: Decimal
    often: Decimal
    new: Decimal


@dataclass(frozen=True)
class Past:
    """An account's transfers of the last `PAST_DAYS`.

    Nine of ten were ``usual`` at most. ``at_this_hour`` of those whose time of day is known
    (``timed``) left within two hours of this time of day, and ``last_hour`` just now.
    """

    transfers: int = 0
    usual: Decimal | None = None
    timed: int = 0
    at_this_hour: int = 0
    last_hour: int = 0


@dataclass(frozen=True)
class Payment:
    """A customer's transfer as the rules see it, at a moment.

    ``added_at`` is null for a payee that is not kept; ``to_new`` is what the customer paid to new
    payees on the business date before.
    """

    at: datetime
    amount: Decimal
    added_at: datetime | None
    times_paid: int
    to_new: Decimal
    past: Past
    strongly_authenticated: bool

    @property
    def is_to_new(self) -> bool:
        """Whether the payee is too new to be paid much."""
        return self.added_at is None or self.at < self.added_at + COOLING_OFF


@dataclass(frozen=True)
class Reason:
    """Why something is asked for (``step``), or is not; ``limit`` is the amount that decides."""

    code: RequirementReason
    step: TransferStep | None = None
    limit: Decimal | None = None


@dataclass(frozen=True)
class Requirement:
    """What a transfer is asked for, and why."""

    reasons: tuple[Reason, ...]
    steps: frozenset[TransferStep] = field(default=frozenset())
    cooling_off_until: datetime | None = None

    @property
    def is_unusual(self) -> bool:
        """Whether the account's own past makes the transfer out of the ordinary."""
        return any(reason.code in _UNUSUAL for reason in self.reasons)


_UNUSUAL: Final = frozenset(
    {
        RequirementReason.UNUSUAL_AMOUNT,
        RequirementReason.UNUSUAL_HOUR,
        RequirementReason.UNUSUAL_PACE,
    }
)
_CODE: Final = TransferStep.CONFIRMATION_CODE


def required(payment: Payment, ease: Ease) -> Requirement:
    """Say what a customer's transfer to somebody else is asked for."""
    reasons, until = [], None
    if payment.is_to_new and payment.to_new + payment.amount > ease.new:
        until = (payment.added_at or payment.at) + COOLING_OFF
        kept = payment.added_at is not None
        code = RequirementReason.PAYEE_ADDED_LATELY if kept else RequirementReason.PAYEE_NOT_KEPT
        reasons.append(Reason(code, TransferStep.COOLING_OFF, ease.new))
    called_for = [*_of_payee(payment, ease), *_out_of_the_ordinary(payment, ease)]
    reasons += called_for
    asks = any(reason.step is _CODE for reason in called_for)
    # A code tells whoever reads it what it is for; signing in tells only that somebody is there.
    insists = any(reason.code is RequirementReason.UNUSUAL_AMOUNT for reason in called_for)
    if asks and not insists and payment.strongly_authenticated:
        reasons.append(Reason(RequirementReason.STRONGLY_AUTHENTICATED))
        asks = False
    steps = {_CODE} if asks else set()
    if until is not None:
        steps.add(TransferStep.COOLING_OFF)
    return Requirement(tuple(reasons), frozenset(steps), until)


def _of_payee(payment: Payment, ease: Ease) -> list[Reason]:
    """Give what amount, tier and the payee's history say; always one reason."""
    if payment.amount <= ease.small:
        return [Reason(RequirementReason.SMALL_AMOUNT, None, ease.small)]
    if payment.times_paid >= OFTEN:
        if payment.amount <= ease.often:
            return [Reason(RequirementReason.PAYEE_PAID_OFTEN, None, ease.often)]
        return [Reason(RequirementReason.ABOVE_TIER_LIMIT, _CODE, ease.often)]
    if payment.times_paid:
        return [Reason(RequirementReason.PAYEE_SELDOM_PAID, _CODE, ease.small)]
    return [Reason(RequirementReason.PAYEE_NEVER_PAID, _CODE, ease.small)]


def _out_of_the_ordinary(payment: Payment, ease: Ease) -> list[Reason]:
    """Give what the account's own past says; nothing where there is too little of it."""
    found, past = [], payment.past
    if past.last_hour >= _PACE_MIN and past.last_hour * _WEEKS > past.transfers - past.last_hour:
        found.append(Reason(RequirementReason.UNUSUAL_PACE, _CODE))
    if payment.amount <= ease.small:
        return found
    if past.usual is not None and past.transfers >= _TRANSFERS_MIN:
        highest = _FAR_ABOVE * past.usual
        if payment.amount > highest:
            found.append(Reason(RequirementReason.UNUSUAL_AMOUNT, _CODE, highest))
    if past.timed >= _HOURS_MIN and not past.at_this_hour:
        found.append(Reason(RequirementReason.UNUSUAL_HOUR, _CODE))
    return found
