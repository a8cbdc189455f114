"""Accounts, loans, cards and holdings, made for one test."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from factory_rows import Made, Rows

from app.db.ids import new_id
from app.domain.loan import schedule
from app.domain.money import Currency


class MoneyFactory(Rows):
    """Makes what customers own and owe."""

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

    async def number_of(self, account: Made) -> str:
        sealed = await self.connection.fetchval(
            "select number_ciphertext from account where id = $1", account.id
        )
        place = "account.number_ciphertext"
        return self.ciphers[account.owner].decrypt(place, account.id, sealed)

    async def account_product(self, **given: Any) -> Made:
        row = new_id()
        values = {
            "code": f"P{row.hex[-8:]}",
            "name": "Savings",
            "name_zh": "活期",
            "kind": "DEMAND",
            "currency": "USD",
            "annual_rate": Decimal("0.01"),
            "day_count": "ACT_360",
            "interest_posting": "QUARTERLY",
            "offered": True,
            "rate_source": "Invented.",
        } | given
        await self.insert("account_product", id=row, **values)
        return Made("acp", row, row)

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
            told = {
                f"{name}_ciphertext": self.encrypt(
                    account.owner, f"posting.{name}_ciphertext", own["id"], clear
                )
                for name, clear in {
                    "counterparty_account": payee_number,
                    "counterparty_name": "Hans Huber",
                    "text": "Rent",
                }.items()
            }
            sides.append(own | money | common | told)
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
            payee_name_ciphertext=self.encrypt(
                account.owner, "standing_order.payee_name_ciphertext", row, "Hans Huber"
            ),
            text_ciphertext=self.encrypt(
                account.owner, "standing_order.text_ciphertext", row, "Rent"
            ),
            source="BANK360",
        )
        return Made("sto", account.owner, row)

    async def freeze(self, account: Made) -> Made:
        """Note why an account is frozen."""
        row = new_id()
        place = "account_hold.note_ciphertext"
        await self.insert(
            "account_hold",
            customer_id=account.owner,
            id=row,
            account_id=account.id,
            currency="USD",
            reason="CUSTOMER_REQUEST",
            note_ciphertext=self.encrypt(account.owner, place, row, "A lost phone."),
            placed_by=new_id(),
            placed_at=datetime(2018, 1, 1, tzinfo=UTC),
        )
        return Made("hld", account.owner, row)

    async def payee(self, customer: Made, number: str = "DE89370400440532013000") -> Made:
        """Somebody at another bank whom a customer pays."""
        row = new_id()
        clear = {"name": "Hans Huber", "number": number}
        await self.insert(
            "payee",
            customer_id=customer.id,
            id=row,
            bank="COBADEFF",
            number_digest=self.keys.index.account_number(number),
            added_at=datetime(2018, 1, 1, tzinfo=UTC),
            **{
                f"{name}_ciphertext": self.encrypt(
                    customer.id, f"payee.{name}_ciphertext", row, value
                )
                for name, value in clear.items()
            },
        )
        return Made("pay", customer.id, row)

    async def hold(self, account: Made, holder: Made, role: str = "AUTHORISED_USER") -> None:
        """Let another customer use an account, on both sides."""
        link = {"account_id": account.id, "role": role}
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
