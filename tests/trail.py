"""What stands in the audit trail of a test's own database."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg
from factory_rows import Made

SHOWN = "query Shown($id: ID!) { customer(id: $id) { %s } }"


@dataclass(frozen=True)
class Trail:
    """What stands in the audit trail of a test's own database."""

    connection: asyncpg.Connection

    async def of(self, customer: Made | UUID) -> list[list[str]]:
        """The classes of data that each operation was shown of a customer."""
        wanted = customer.id if isinstance(customer, Made) else customer
        sql = "select fields from audit_read where customer_id = $1 order by recorded_at, id"
        return [row["fields"] for row in await self.connection.fetch(sql, wanted)]

    async def count(self, table: str = "audit_read") -> int:
        found: int = await self.connection.fetchval(f"select count(*) from {table}")
        return found
