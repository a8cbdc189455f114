"""Cash and transfers: money that moves now."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.accounts import AccountKey
from app.db.beneficiaries import Beneficiary
from app.db.clearance import Given
from app.db.commands import Made
from app.domain.payment import PayeeAccount
from app.planner.declare import object_type, root_field
from app.resolvers import payment
from app.resolvers.context import Context
from app.schema.account import Transaction
from app.schema.approval import PendingApproval, answer_or_ask, second_person
from app.schema.inputs import (
    MoneyInput,
    account_key,
    check_key,
    id_of,
    idempotency_key,
    text_given,
)
from app.schema.problem import Problem, answer, result

_TEXT = "What the statement says of it, to whoever reads it; at most 500 characters."


@strawberry.input(description="Cash that is paid in.")
class DepositInput:
    """Cash that is paid in."""

    idempotency_key: strawberry.ID = idempotency_key()
    account_id: strawberry.ID = strawberry.field(description="A demand account.")
    amount: MoneyInput = strawberry.field(description="How much.")
    text: str | None = strawberry.field(default=None, description=_TEXT)


@strawberry.input(description="Cash that is taken out.")
class WithdrawInput:
    """Cash that is taken out."""

    idempotency_key: strawberry.ID = idempotency_key()
    account_id: strawberry.ID = strawberry.field(description="A demand account.")
    amount: MoneyInput = strawberry.field(description="How much.")
    text: str | None = strawberry.field(default=None, description=_TEXT)


@strawberry.input(description="An account by its number, with its holder's name.")
class PayeeAccountInput:
    """An account by its number, with its holder's name."""

    name: str = strawberry.field(
        description=(
            "Name of the account's owner. At this bank it must be the one that the owner has "
            "here, but for case, spaces and punctuation."
        )
    )
    number: str = strawberry.field(description="Account number or IBAN; spaces do not matter.")
    bank: str | None = strawberry.field(
        default=None, description="Code of the other bank (a BIC, say); left out for this bank."
    )

    def account(self) -> PayeeAccount:
        """Give what the rules of payments check."""
        return PayeeAccount(self.name, self.number, self.bank)


@strawberry.input(one_of=True, description="Where money goes; just one of these.")
class TransferTo:
    """Where money goes."""

    account_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="A demand account that you see: another one of the same owner, say.",
    )
    payee_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="A payee that was added before."
    )
    account: PayeeAccountInput | None = strawberry.field(
        default=strawberry.UNSET, description="Any account, here or at another bank."
    )


@strawberry.input(description="Money from one account to another.")
class TransferInput:
    """Money from one account to another."""

    idempotency_key: strawberry.ID = idempotency_key()
    from_account_id: strawberry.ID = strawberry.field(
        description="The demand account that the money comes from."
    )
    amount: MoneyInput = strawberry.field(description="How much.")
    to: TransferTo = strawberry.field(description="Where it goes.")
    text: str | None = strawberry.field(default=None, description=_TEXT)
    requirements_token: str | None = strawberry.field(
        default=None,
        description=(
            "The token of `transferRequirements`: the transfer is asked for no more than that "
            "said. Without it, what it is asked for is decided now."
        ),
    )
    confirmation_code: str | None = strawberry.field(
        default=None, description="The code that was sent for the token, where one is asked for."
    )


@object_type(public=True, description="The booking of cash that was paid in.")
class DepositPayload:
    """The booking of cash that was paid in."""

    made: strawberry.Private[Made]
    transaction: Transaction | None = result(Transaction, "The booking on the account.")


@object_type(public=True, description="The booking of cash that was taken out.")
class WithdrawPayload:
    """The booking of cash that was taken out."""

    made: strawberry.Private[Made]
    transaction: Transaction | None = result(Transaction, "The booking on the account.")


@object_type(public=True, description="The booking of a transfer.")
class TransferPayload:
    """The booking of a transfer."""

    made: strawberry.Private[Made]
    transaction: Transaction | None = result(
        Transaction, "The booking on the account that the money came from."
    )


DepositResult = Annotated[
    DepositPayload | Problem,
    strawberry.union("DepositResult", description="The booking, or why there is none."),
]
WithdrawResult = Annotated[
    WithdrawPayload | PendingApproval | Problem,
    strawberry.union("WithdrawResult", description="The booking, or why there is none."),
]
TransferResult = Annotated[
    TransferPayload | PendingApproval | Problem,
    strawberry.union("TransferResult", description="The booking, or why there is none."),
]


def beneficiary(info: Info[Context, None], to: TransferTo) -> Beneficiary:
    """Read where money goes."""
    if to.account_id:
        return Beneficiary("to.accountId", account=account_key(info, to.account_id, "to.accountId"))
    if to.payee_id:
        found = id_of(info, to.payee_id, "pay", "to.payeeId")
        return Beneficiary("to.payeeId", payee=AccountKey(found.owner, found.id))
    assert to.account, "GraphQL lets one of them through"
    return Beneficiary("to.account", given=to.account.account())


DepositArgument = Annotated[DepositInput, strawberry.argument(description="What is paid in.")]
WithdrawArgument = Annotated[WithdrawInput, strawberry.argument(description="What is taken out.")]
TransferArgument = Annotated[TransferInput, strawberry.argument(description="What is transferred.")]


def _cash(info: Info[Context, None], given: DepositInput | WithdrawInput) -> payment.CashOrder:
    amount = given.amount
    account = account_key(info, given.account_id, "accountId")
    return payment.CashOrder(account, amount.amount, amount.currency, text_given(given.text))


async def _deposit(
    info: Info[Context, None],
    input: DepositArgument,  # noqa: A002  # Relay's name.
) -> DepositResult | None:
    key = check_key(input.idempotency_key)
    outcome = await payment.deposit(info.context, key, _cash(info, input))
    return answer(info, outcome, lambda made: DepositPayload(made=made))


async def _withdraw(
    info: Info[Context, None],
    input: WithdrawArgument,  # noqa: A002  # Relay's name.
) -> WithdrawResult | None:
    key = check_key(input.idempotency_key)
    outcome = await payment.withdraw(info.context, key, _cash(info, input))
    return answer_or_ask(info, outcome, lambda made: WithdrawPayload(made=made))


async def _transfer(
    info: Info[Context, None],
    input: TransferArgument,  # noqa: A002  # Relay's name.
) -> TransferResult | None:
    amount = input.amount
    command = payment.Transfer(
        account_key(info, input.from_account_id, "fromAccountId"),
        amount.amount,
        amount.currency,
        beneficiary(info, input.to),
        text_given(input.text),
        Given(input.requirements_token, input.confirmation_code),
    )
    outcome = await payment.transfer(info.context, check_key(input.idempotency_key), command)
    return answer_or_ask(info, outcome, lambda made: TransferPayload(made=made))


@strawberry.type
class PaymentMutation:
    """Cash and transfers."""

    deposit: DepositResult | None = root_field(
        _deposit,
        requires=Permission.CASH_BOOK,
        description=(
            "Book cash that is paid in at the counter. Also a frozen account takes it; a closed "
            "one does not."
        ),
    )
    withdraw: WithdrawResult | None = root_field(
        _withdraw,
        requires=Permission.CASH_BOOK,
        description=(
            "Book cash that is taken out at the counter: at most what is `available`, and what "
            "the post may pay out." + second_person("withdraw")
        ),
    )
    transfer: TransferResult | None = root_field(
        _transfer,
        requires=Permission.MONEY_TRANSFER,
        description=(
            "Transfer money now. The owner and those who may use the account order it, or a post "
            "that serves them. Inside the bank it is there at once; to another bank the product's "
            "`transferFee` is charged. Customers pay others up to limits for an order and a day; "
            "what it is asked for beside, `transferRequirements` tells." + second_person("transfer")
        ),
    )
