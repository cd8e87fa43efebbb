"""What the guide of websockets shows; the protocol of `_control.ts`."""

import asyncio
import gc
import json
import os
import ssl
import sys

import websockets

connections = set()


async def handler(websocket, path=None):
    path = path or websocket.path
    if path == "/burst":
        async for message in websocket:
            for _ in range(3):
                await websocket.send(message)
    elif path == "/broadcast":
        connections.add(websocket)
        try:
            async for message in websocket:
                websockets.broadcast(connections, message)
        finally:
            connections.remove(websocket)
    else:
        async for message in websocket:
            await websocket.send(message)


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def say(what):
    print(json.dumps(what), flush=True)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    async with websockets.serve(handler, "127.0.0.1", 0, ssl=context) as server:
        say({"port": server.sockets[0].getsockname()[1]})
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            if line.strip() != "memory":
                continue
            loose = resident()
            gc.collect()
            say({"loose": loose, "rss": resident()})
    # Connections that are still open are not waited for.
    os._exit(0)


asyncio.run(main())
