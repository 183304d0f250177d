# ruff: noqa: INP001, T201 - a script to be run and read, not a module
"""Many operations in flight, in order, over several shards: a transfer that nobody sees half of the wrong way.

    gong master --config cluster.toml &          # protocol = "mdl", two or more shards
    gong node --config cluster.toml --id 1 &     # and so on
    python docs/examples/ordered_session.py 127.0.0.1:7400

The order of issue is the order in which things happen, also on different shards, so whoever sees that the
goods were sent can see that they were paid. A client that waited for each answer would say the same, and
take several times as long.
"""

import sys

import trio

from clients import ClientError, KvClient, open_client
from node.types import Address


async def main(master: Address) -> None:
    """Pay, then send, without waiting in between; look at both in one burst, the other way round."""
    async with open_client(master=master) as client:
        store = KvClient(client)
        try:
            async with store.session() as session:
                paid = session.put("invoice-17", "paid")
                sent = session.put("parcel-17", "sent")
                own = session.get("parcel-17")  # sees the write before it, which is still under way
                await paid
                await sent
                print("my own look:", await own)
        except ClientError as error:
            # All operations from the first that failed on: none of them happened without those before.
            print("the session is over:", error)
        async with store.session() as look:
            parcel, invoice = look.get("parcel-17"), look.get("invoice-17")
            print("parcel:", await parcel, "- invoice:", await invoice)


if __name__ == "__main__":
    trio.run(main, Address.parse(sys.argv[1]))
