"""The account that a transfer is to leave, as a query may see it."""

from collections.abc import Mapping
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy import Select

from app.db import tables
from app.db.accounts import AccountKey
from app.db.reach import Reach
from app.db.scope import RowScope
from app.domain.account import AccountKind, AccountStatus
from app.domain.customer import CustomerStatus
from app.domain.money import Currency
from app.domain.payment import AccountState

_OWNER: Final = "payer_owner"
_ID: Final = "payer_id"
_COLUMNS: Final = ("kind", "status", "currency", "balance", "held", "overdraft_limit")


def statement(scope: RowScope) -> Select[Any]:
    """Give the one row of an account that the viewer sees, with the status of its owner.

    Who may use an account need not see its owner: the status is null then.
    """
    account = cast("Any", tables.Account).__table__.alias()
    owner = cast("Any", tables.Customer).__table__.alias()
    status = sa.select(owner.c.status).where(owner.c.id == account.c.customer_id)
    visible = scope.condition("account", account, account.c.customer_id, Reach.KEYED)
    return sa.select(
        *(account.c[name] for name in _COLUMNS),
        status.scalar_subquery().label("owner_status"),
    ).where(
        account.c.customer_id == sa.bindparam(_OWNER, None, type_=sa.Uuid()),
        account.c.id == sa.bindparam(_ID, None, type_=sa.Uuid()),
        account.c.kind != AccountKind.INTERNAL.value,
        sa.true() if visible is None else visible,
    )


def values(key: AccountKey) -> Mapping[str, Any]:
    """Give the values of the statement's parameters."""
    return {_OWNER: key.owner, _ID: key.id}


def state_of(row: Any) -> AccountState:
    """Give what the rules look at."""
    return AccountState(
        AccountKind[row["kind"]],
        AccountStatus[row["status"]],
        Currency[row["currency"]],
        row["balance"],
        row["held"],
        row["overdraft_limit"],
    )


def owner_is_active(row: Any) -> bool:
    """Tell whether the bank does business with the owner, as far as the viewer may know."""
    return row["owner_status"] in {None, CustomerStatus.ACTIVE.value}
