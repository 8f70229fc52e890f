"""What each customer has spent, told anew with every order. Ctrl-C ends it.

    python totals.py

Orders are messages of the topic "orders": {"customer": "Amara", "amount": "12.90"}.
"""

import asyncio
import os
from collections import defaultdict
from contextlib import suppress
from decimal import Decimal

from specbus_client import Client

URL = os.environ.get("PUBSUB_URL", "http://127.0.0.1:8080")


async def main() -> None:
    """Follow the orders."""
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    async with Client(URL) as client:
        # The newest orders that the topic retains come first, then new ones.
        async for event in client.subscribe("orders", last_n=100):
            order = event.message.payload
            totals[order["customer"]] += Decimal(order["amount"])
            print(f"{order['customer']} has spent {totals[order['customer']]}", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
