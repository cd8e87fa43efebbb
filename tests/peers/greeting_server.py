"""Greets whoever says a name, over TLS; prints its port, ends with its input."""

import asyncio
import ssl
import sys

from websockets.legacy.server import serve


async def greet(ws):
    name = await ws.recv()
    await ws.send(f"Hello {name}!")


async def main(chain_file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain_file)
    async with serve(greet, "localhost", 0, ssl=context) as server:
        # One port for each address of localhost: that of 127.0.0.1 is printed.
        ports = dict(socket.getsockname()[:2] for socket in server.sockets)
        print(ports["127.0.0.1"], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main(sys.argv[1]))
