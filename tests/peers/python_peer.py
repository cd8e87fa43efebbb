"""
The library websockets of Python, client and server, driven from outside.

It reads commands from standard input, one JSON object a line, and answers each
with one line on standard output. `peer.ts` has the other end and says what the
commands are. At the end of the input it ends.
"""

import asyncio
import base64
import json
import pathlib
import ssl
import sys
from contextlib import suppress
from http import HTTPStatus

from websockets.exceptions import ConnectionClosed
from websockets.frames import Close
from websockets.legacy.client import WebSocketClientProtocol, connect
from websockets.legacy.server import WebSocketServerProtocol, serve

PATIENCE = 5
LONGEST_LINE = 16 << 20

servers = []
accepted = asyncio.Queue()
connections = []
begun = {}


class Pinged:
    """Tells of the pings that come, at the moment when they are answered."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.seen_pings = asyncio.Queue()

    async def pong(self, data=b""):
        await super().pong(data)
        await self.seen_pings.put(data)


class Server(Pinged, WebSocketServerProtocol):
    """A connection of a server."""


class Client(Pinged, WebSocketClientProtocol):
    """A client that may offer subprotocols by a header that it was given."""

    @staticmethod
    def process_subprotocol(headers, available):
        if available is None:
            return headers.get("Sec-WebSocket-Protocol")
        return WebSocketClientProtocol.process_subprotocol(headers, available)


def known(ws):
    connections.append(ws)
    return {"connection": len(connections) - 1, "protocol": ws.subprotocol or ""}


async def do_serve(cert, key=None, protocols=None, refuse=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def process_request(path, headers):
        return None if refuse is None else (HTTPStatus(refuse), [], b"")

    async def handler(ws):
        await accepted.put(ws)
        await ws.wait_closed()

    server = await serve(
        handler,
        "127.0.0.1",
        0,
        ssl=context,
        process_request=process_request,
        create_protocol=Server,
        subprotocols=protocols,
        max_size=8 << 20,
    )
    servers.append(server)
    return {"port": server.sockets[0].getsockname()[1]}


async def do_accept():
    return known(await accepted.get())


async def do_stop():
    while servers:
        server = servers.pop()
        server.close()
        await server.wait_closed()
    return {}


async def do_connect(url, ca=None, protocols=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is not None:
        context.load_verify_locations(pathlib.Path(ca))
    headers = {}
    if protocols is not None and "," in protocols[0]:
        # The library itself always writes a space after the comma.
        headers["Sec-WebSocket-Protocol"] = protocols[0]
        protocols = None
    return known(
        await connect(
            url,
            ssl=context,
            subprotocols=protocols,
            extra_headers=headers,
            create_protocol=Client,
            max_size=8 << 20,
        )
    )


async def do_send(connection, text=None, bytes=None):
    data = text if text is not None else base64.b64decode(bytes)
    await connections[connection].send(data)
    return {}


async def do_fragment(connection, bytes, kind, fin):
    """A piece of a message; `kind` says what the message is."""
    first = connection not in begun
    opcode = {"text": 1, "binary": 2}[kind] if first else 0
    if fin:
        begun.pop(connection, None)
    else:
        begun[connection] = True
    await connections[connection].write_frame(fin, opcode, base64.b64decode(bytes))
    return {}


async def do_receive(connection):
    data = await connections[connection].recv()
    if isinstance(data, str):
        return {"text": data}
    return {"bytes": base64.b64encode(data).decode()}


async def do_ping(connection, bytes):
    """Done when a pong of the same payload came; others don't count."""
    await (await connections[connection].ping(base64.b64decode(bytes)))
    return {}


async def do_pinged(connection):
    await connections[connection].seen_pings.get()
    return {}


async def do_close(connection, code=None, reason=""):
    ws = connections[connection]
    if code is None:
        await ws.write_close_frame(Close(1005, ""), b"")
    else:
        await ws.close(code, reason)
    return await do_ended(connection)


async def do_ended(connection):
    ws = connections[connection]
    await ws.wait_closed()
    clean = ws.close_rcvd is not None and ws.close_sent is not None
    return {"code": ws.close_code, "reason": ws.close_reason, "clean": clean}


async def do_drop(connection):
    """Cuts the connection, whatever state it is in."""
    ws = connections[connection]
    # One whose peer has cut the connection cannot be cut again.
    with suppress(AttributeError):
        ws.transport.abort()
    await ws.wait_closed()
    return {}


async def answer(line):
    command = json.loads(line)
    perform = globals()["do_" + command.pop("do")]
    try:
        return await asyncio.wait_for(perform(**command), PATIENCE)
    except asyncio.TimeoutError:
        return {"error": f"nothing within {PATIENCE} s"}
    except ConnectionClosed as error:
        return {"error": f"closed: {error}"}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


async def main():
    lines = asyncio.StreamReader(limit=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    # A server that stops stumbles over handshakes that it refused.
    loop.set_exception_handler(lambda loop, context: None)
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    while line := await lines.readline():
        print(json.dumps(await answer(line)), flush=True)


asyncio.run(main())
