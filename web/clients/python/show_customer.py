"""Print what the bank knows of one customer: `show_customer.py N00000822`."""

import asyncio
import os
import sys

from bank360_client import Client, CustomerBy, GraphQLClientError
from httpx import HTTPError

URL = os.environ.get("BANK360_GRAPHQL", "http://127.0.0.1:8000/graphql")
ARGUMENTS = 2


async def show(token: str, number: str) -> str | None:
    """Print the customer's accounts; give the reason when there is nothing to print."""
    async with Client(URL, headers={"Authorization": f"Bearer {token}"}) as client:
        try:
            answer = await client.customer_360(CustomerBy(number=number))
        except (GraphQLClientError, HTTPError) as error:
            return f"{URL}: {error}"
    customer = answer.customer_by
    if customer is None:
        return f"no customer {number} that this token may see"
    branch = customer.branch.name if customer.branch else "no branch"
    print(f"{customer.number} {customer.name}, {customer.tier.value}, {branch}")
    for account in customer.accounts or []:
        if account.balance is not None:
            print(f"{account.number} {account.balance.amount} {account.balance.currency.value}")
    return None


def main() -> None:
    """Exit 0 when it is printed, 1 with the reason when not, 2 for wrong usage."""
    token = os.environ.get("BANK360_TOKEN")
    if not token or len(sys.argv) != ARGUMENTS:
        print("usage: BANK360_TOKEN=… show_customer.py CUSTOMER_NUMBER", file=sys.stderr)
        sys.exit(2)
    sys.exit(asyncio.run(show(token, sys.argv[1])))


if __name__ == "__main__":
    main()
