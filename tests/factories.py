"""Customers and what they own, made for one test."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.db.bank_itself import ensure_bank
from app.db.crypto import CustomerCipher
from app.db.ids import new_id
from app.db.keys import Keys
from app.domain.loan import schedule
from app.domain.money import Currency
from app.planner.global_id import format_id

ADDRESS = {
    "line1": "387 Wellington Ave.",
    "line2": "Unit 1",
    "city": "Albuquerque",
    "region": "NM",
    "postalCode": "47246",
    "country": "US",
}


@dataclass(frozen=True)
class Made:
    """A row that a test made."""

    prefix: str
    owner: UUID
    id: UUID

    @property
    def global_id(self) -> str:
        return format_id(self.prefix, self.owner, self.id)


class Factory:
    """Inserts rows as the owner of the tables."""

    def __init__(self, connection: asyncpg.Connection, keys: Keys) -> None:
        self.connection = connection
        self.keys = keys
        self.ciphers: dict[UUID, CustomerCipher] = {}

    async def insert(self, table: str, **values: Any) -> None:
        names = ", ".join(values)
        places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        sql = f"insert into {table} ({names}) values ({places})"
        await self.connection.execute(sql, *values.values())

    async def business_date(self, on: date) -> None:
        await self.connection.execute(
            "insert into business_date values (1, $1)"
            " on conflict (id) do update set current_on = excluded.current_on",
            on,
        )

    def encrypt(self, customer: UUID, place: str, row: UUID, value: str) -> bytes:
        return self.ciphers[customer].encrypt(place, row, value)

    async def branch(self, **given: Any) -> Made:
        row = new_id()
        values = {"code": f"B{row.hex[-8:]}", "name": "Main", "city": "Albuquerque"} | given
        await self.insert("branch", id=row, **values)
        return Made("bra", row, row)

    async def staff(self, role: str, branch: Made | None = None, *more: str) -> Made:
        """Somebody who works for the bank, in one post or more."""
        row = new_id()
        await self.insert(
            "staff",
            id=row,
            number=f"S{row.hex[-8:]}",
            name="Robin Banks",
            branch_id=branch.id if branch else None,
        )
        for held in (role, *more):
            await self.insert("staff_role", staff_id=row, role=held)
        return Made("sta", row, row)

    async def queue(self, staff: Made, queue: str) -> None:
        await self.insert("staff_queue", staff_id=staff.id, queue=queue)

    async def assign(self, customer: Made, staff: Made, role: str) -> None:
        await self.insert("assignment", customer_id=customer.id, staff_id=staff.id, role=role)

    async def responsible(self, role: str, *customers: Made) -> UUID:
        """Somebody who is assigned to these customers in the role; gives the id to sign in with."""
        staff = await self.staff(role)
        for customer in customers:
            await self.assign(customer, staff, role)
        return staff.id

    async def agent(self, *queues: str) -> UUID:
        """An agent of the service desk; gives the id to sign in with."""
        staff = await self.staff("SERVICE_AGENT")
        for queue in queues:
            await self.queue(staff, queue)
        return staff.id

    async def customer(self, **given: Any) -> Made:
        row = new_id()
        wrapped, self.ciphers[row] = self.keys.ring.make(row)
        clear = {
            "name": "Emma Avaya Smith",
            "birth_date": "1990-12-13",
            "national_id": f"926-{row.hex[-8:]}",
            "phone": f"367-{int(row.hex[-8:], 16)}",
            "email": f"{row.hex[-12:]}@example.com",
            "address": orjson.dumps(ADDRESS).decode(),
        }
        for name in clear:
            if name in given:
                clear[name] = given.pop(name)
        plain = {
            "number": f"C{row.hex[-12:]}",
            "type": "INDIVIDUAL",
            "source": "BANK360",
            "status": "ACTIVE",
            "kyc_status": "VERIFIED",
            "tier": "GOLD",
            "gender": "FEMALE",
            "customer_since": date(2014, 5, 1),
        } | given
        secret = {
            f"{name}_ciphertext": value
            and self.encrypt(row, f"customer.{name}_ciphertext", row, value)
            for name, value in clear.items()
        }
        await self.insert("customer", id=row, **plain, **secret)
        await self.insert("customer_key", customer_id=row, wrapped_key=wrapped)
        await self.insert("customer_number", number=plain["number"], customer_id=row)
        index = self.keys.index
        digest = index.national_id(clear["national_id"])
        await self.insert("national_id_index", digest=digest, customer_id=row)
        contacts = [("PHONE", digest) for digest in index.phones(clear["phone"], "1")]
        for kind, digest in [*contacts, ("EMAIL", index.email(clear["email"]))]:
            await self.insert("contact_index", digest=digest, customer_id=row, kind=kind)
        return Made("cus", row, row)

    async def bank(self) -> Made:
        """The bank itself, which there is once in a database."""
        today = date(2014, 5, 1)
        async with self.connection.transaction():
            bank = await ensure_bank(self.connection, self.keys, today, Currency.USD)
        self.ciphers[bank.customer_id] = bank.cipher
        return Made("cus", bank.customer_id, bank.customer_id)

    async def account(self, customer: Made, **given: Any) -> Made:
        row = new_id()
        number = given.pop("number", f"A{row.hex[-8:]}")
        values = {
            "kind": "DEMAND",
            "currency": "USD",
            "balance": Decimal("0.00"),
            "status": "OPEN",
            "opened_on": date(2014, 5, 1),
            "source": "BANK360",
        } | given
        secret = self.encrypt(customer.id, "account.number_ciphertext", row, number)
        await self.insert(
            "account", customer_id=customer.id, id=row, number_ciphertext=secret, **values
        )
        digest = self.keys.index.account_number(number)
        await self.insert(
            "account_number_index", digest=digest, customer_id=customer.id, account_id=row
        )
        return Made("acc", customer.id, row)

    async def postings(self, account: Made, *amounts: str, day: date = date(2014, 5, 1)) -> None:
        """Book cash in and out, one booking an hour, against an internal account."""
        bank = await self.bank()
        cash = await self.account(bank, kind="INTERNAL", internal_purpose="CASH", balance=None)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        balance = await self.connection.fetchval(
            "select balance from account where id = $1", account.id
        )
        entries, rows = [], []
        for hour, text in enumerate(amounts):
            amount, at, entry = Decimal(text), start + timedelta(hours=hour), new_id()
            balance += amount
            kind = "CASH_DEPOSIT" if amount > 0 else "CASH_WITHDRAWAL"
            entries.append((account.owner, entry, kind, at, day, "BANK360"))
            common = (account.owner, entry, kind, "USD", at, day)
            rows.append((account.owner, new_id(), account.id, *common, amount, balance))
            rows.append((bank.id, new_id(), cash.id, *common, -amount, None))
        await self.connection.copy_records_to_table(
            "journal_entry",
            records=entries,
            columns=["customer_id", "id", "kind", "booked_at", "value_on", "source"],
        )
        columns = "customer_id id account_id entry_customer_id entry_id kind currency booked_at"
        await self.connection.copy_records_to_table(
            "posting",
            records=rows,
            columns=[*columns.split(), "value_on", "amount", "balance_after"],
        )
        await self.connection.execute(
            "update account set balance = $2 where id = $1", account.id, balance
        )

    async def transfer(
        self, payer: Made, payee: Made, amount: str, at: datetime, payee_number: str = "B-77001234"
    ) -> Made:
        """Book a transfer from one account to another, ordered in the mobile app.

        Gives the payer's side, which names the payee's account.
        """
        entry, kind = new_id(), "TRANSFER_OUT"
        moment = {"booked_at": at, "value_on": at.date()}
        await self.insert(
            "journal_entry",
            customer_id=payer.owner,
            id=entry,
            kind=kind,
            source="BANK360",
            **moment,
        )
        common = {"entry_customer_id": payer.owner, "entry_id": entry, "channel": "MOBILE"} | moment
        sides = []
        for account, side, moved in (
            (payer, kind, -Decimal(amount)),
            (payee, kind, Decimal(amount)),
        ):
            balance = await self.connection.fetchval(
                "update account set balance = balance + $2 where id = $1 returning balance",
                account.id,
                moved,
            )
            own = {"customer_id": account.owner, "id": new_id(), "account_id": account.id}
            money = {"kind": side, "currency": "USD", "amount": moved, "balance_after": balance}
            place = "posting.counterparty_account_ciphertext"
            other = self.encrypt(account.owner, place, own["id"], payee_number)
            sides.append(own | money | common | {"counterparty_account_ciphertext": other})
        # One statement: the ledger refuses one that leaves an entry out of balance.
        await self.connection.copy_records_to_table(
            "posting", records=[tuple(side.values()) for side in sides], columns=list(sides[0])
        )
        return Made("txn", payer.owner, sides[0]["id"])

    async def loan(self, customer: Made, *, paid: int, **given: Any) -> Made:
        """A loan over 12 months whose first ``paid`` instalments are paid."""
        row = new_id()
        values: dict[str, Any] = {
            "number": f"L{row.hex[-8:]}",
            "purpose": "CAR",
            "currency": "USD",
            "principal": Decimal("4980.00"),
            "annual_rate": Decimal(0),
            "term_months": 12,
            "status": "ACTIVE",
            "granted_on": date(2018, 7, 5),
            "ends_on": date(2019, 7, 5),
        } | given
        lines = list(
            schedule(
                values["principal"],
                values["annual_rate"],
                values["term_months"],
                values["granted_on"],
                Currency.USD,
            )
        )
        await self.insert(
            "loan",
            customer_id=customer.id,
            id=row,
            outstanding=sum(line.principal for line in lines[paid:]),
            monthly_payment=lines[0].principal + lines[0].interest,
            repayment_method="EQUAL_INSTALMENT",
            source="BANK360",
            **values,
        )
        for line in lines:
            due = line.principal + line.interest
            await self.insert(
                "instalment",
                customer_id=customer.id,
                id=new_id(),
                loan_id=row,
                number=line.number,
                due_on=line.due_on,
                principal=line.principal,
                interest=line.interest,
                paid=due if line.number <= paid else Decimal("0.00"),
            )
        return Made("loa", customer.id, row)

    async def ticket(self, customer: Made, opened_by: UUID | None = None, **given: Any) -> Made:
        row = new_id()
        values = {
            "number": f"CR{row.hex[-8:]}",
            "category": "CURRENT_ACCOUNT",
            "subject": "Deposits and withdrawals",
            "status": "IN_PROGRESS",
            "priority": "NORMAL",
            "channel": "WEB",
            "queue": "ACCOUNTS",
            "opened_at": datetime(2017, 3, 1, tzinfo=UTC),
            "source": "BANK360",
        } | given
        await self.insert("ticket", customer_id=customer.id, id=row, event_count=1, **values)
        await self.insert(
            "ticket_event",
            customer_id=customer.id,
            id=new_id(),
            ticket_id=row,
            number=1,
            kind="OPENED",
            occurred_at=values["opened_at"],
            staff_id=opened_by,
        )
        return Made("tkt", customer.id, row)

    async def comment(
        self, ticket: Made, text: str, *, internal: bool, staff: UUID | None = None
    ) -> None:
        row = new_id()
        await self.insert(
            "ticket_comment",
            customer_id=ticket.owner,
            id=row,
            ticket_id=ticket.id,
            internal=internal,
            staff_id=staff,
            body_ciphertext=self.encrypt(ticket.owner, "ticket_comment.body_ciphertext", row, text),
            written_at=datetime.now(UTC),
        )

    async def call(
        self, customer: Made, started_at: datetime, text: str | None = None, **given: Any
    ) -> Made:
        row = new_id()
        place = "interaction.text_ciphertext"
        await self.insert(
            "interaction",
            customer_id=customer.id,
            id=row,
            kind="CALL",
            channel="PHONE",
            started_at=started_at,
            text_ciphertext=text and self.encrypt(customer.id, place, row, text),
            source="BANK360",
            **given,
        )
        return Made("int", customer.id, row)

    async def standing_order(self, account: Made, payee: str) -> Made:
        row = new_id()
        place = "standing_order.payee_account_ciphertext"
        await self.insert(
            "standing_order",
            customer_id=account.owner,
            id=row,
            account_id=account.id,
            purpose="HOUSEHOLD",
            amount=Decimal("10.00"),
            currency="USD",
            frequency="MONTHLY",
            status="ACTIVE",
            payee_account_ciphertext=self.encrypt(account.owner, place, row, payee),
            source="BANK360",
        )
        return Made("sto", account.owner, row)

    async def relationship(self, customer: Made, other: Made) -> Made:
        """Connect two customers, on both sides."""
        rows = [new_id(), new_id()]
        for row, (one, related) in zip(rows, ((customer, other), (other, customer)), strict=True):
            await self.insert(
                "relationship",
                customer_id=one.id,
                id=row,
                related_customer_id=related.id,
                kind="SHARES_ACCOUNT",
            )
        return Made("rel", customer.id, rows[0])

    async def hold(self, account: Made, holder: Made) -> None:
        """Let another customer use an account, on both sides."""
        link = {"account_id": account.id, "role": "AUTHORISED_USER"}
        await self.insert("held_account", customer_id=holder.id, owner_id=account.owner, **link)
        await self.insert("account_holder", customer_id=account.owner, holder_id=holder.id, **link)

    async def product(self, *prices: str, on: date = date(2018, 12, 30)) -> Made:
        """A fund with one price a day, the last one on ``on``."""
        row = new_id()
        await self.insert(
            "product",
            id=row,
            code=f"F{row.hex[-8:]}",
            name="Global Fund",
            kind="FUND",
            risk_level="R3",
            currency="USD",
        )
        for before, price in enumerate(reversed(prices)):
            day = on - timedelta(days=before)
            await self.insert("product_price", product_id=row, price_on=day, price=Decimal(price))
        return Made("pro", row, row)

    async def holding(self, customer: Made, product: Made, units: str, cost: str) -> Made:
        row = new_id()
        amounts = {"units": Decimal(units), "cost": Decimal(cost)}
        await self.insert(
            "holding",
            customer_id=customer.id,
            id=row,
            product_id=product.id,
            currency="USD",
            **amounts,
        )
        await self.insert(
            "holding_lot",
            customer_id=customer.id,
            id=new_id(),
            holding_id=row,
            acquired_on=date(2018, 1, 2),
            **amounts,
        )
        return Made("hol", customer.id, row)

    async def segment(self, *members: Made) -> Made:
        row = new_id()
        code = f"SEG{row.hex[-8:]}"
        await self.insert("segment", id=row, code=code, name="Savers", definition="Those who save.")
        for member in members:
            await self.connection.execute(
                "insert into segment_membership (customer_id, segment_id, customer_since)"
                " select id, $2, customer_since from customer where id = $1",
                member.id,
                row,
            )
        return Made("seg", row, row)

    async def card(self, customer: Made, account: Made) -> Made:
        row = new_id()
        number = self.encrypt(customer.id, "card.number_ciphertext", row, "V00001005")
        await self.insert(
            "card",
            customer_id=customer.id,
            id=row,
            account_owner_id=account.owner,
            account_id=account.id,
            level="INFINITE",
            status="ACTIVE",
            issued_on=date(2017, 11, 7),
            number_ciphertext=number,
            source="BANK360",
        )
        return Made("crd", customer.id, row)
