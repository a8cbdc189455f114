"""Customers and what they own, made for one test."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import orjson
from factory_money import MoneyFactory
from factory_rows import Made

from app.auth.permissions import Role
from app.db import audit
from app.db.ids import new_id
from app.domain.audit import AuditKind

__all__ = ["Factory", "Made"]

ADDRESS = {
    "line1": "387 Wellington Ave.",
    "line2": "Unit 1",
    "city": "Albuquerque",
    "region": "NM",
    "postalCode": "47246",
    "country": "US",
}


class Factory(MoneyFactory):
    """Makes customers, staff, and what passes between them."""

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

    async def somebody(self, role: Role, customer: Made) -> UUID:
        """Somebody in a role who sees a customer, where the role sees any; gives who it is."""
        if role is Role.CUSTOMER:
            return customer.id
        branch = await self.branch()
        sql = "update customer set branch_id = $2 where id = $1"
        await self.connection.execute(sql, customer.id, branch.id)
        staff = await self.staff(role.value, branch)
        await self.assign(customer, staff, role.value)
        await self.queue(staff, f"Q{staff.id.hex[-6:]}")
        await self.ticket(customer, queue=f"Q{staff.id.hex[-6:]}")
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

    async def ticket(
        self,
        customer: Made,
        opened_by: UUID | None = None,
        comment_id: UUID | None = None,
        **given: Any,
    ) -> Made:
        """A ticket with its first step, with which the comment came that is yet to be made."""
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
            assignee_id=values.get("assignee_id"),
            comment_id=comment_id,
        )
        return Made("tkt", customer.id, row)

    async def comment(
        self,
        ticket: Made,
        text: str,
        *,
        internal: bool,
        staff: UUID | None = None,
        row: UUID | None = None,
    ) -> None:
        row = row or new_id()
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

    async def record(self, customer: Made, actor: UUID, **given: Any) -> Made:
        """A record of a command, as the unit of work writes it."""
        row = new_id()
        values: dict[str, Any] = {
            "recorded_at": datetime.now(UTC),
            "kind": AuditKind.WRITE,
            "actor_id": actor,
            "role": Role.TELLER,
            "command": "updateCustomer",
            "customer_id": customer.id,
            "subject_prefix": "cus",
            "subject_id": customer.id,
            "event": "customer.updated",
            "fields": ("phone",),
            "request_id": "0123456789abcdef",
        }
        record = audit.Record(id=row, **values | given)
        await audit.write(self.connection, self.keys.audit, record)
        return Made("aud", row, row)

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
