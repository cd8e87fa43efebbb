"""Says a name to a server that it trusts by a file, and prints the greeting."""

import asyncio
import pathlib
import ssl
import sys

from websockets.legacy.client import connect


async def main(url, trusted_file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pathlib.Path(trusted_file))
    async with connect(url, ssl=context) as ws:
        await ws.send("Ada")
        print(await ws.recv())


asyncio.run(main(*sys.argv[1:]))
