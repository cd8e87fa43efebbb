/**
 * `wss connect` with a person at a terminal.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Handler, serve, type Server } from "../../server.ts";
import { devCertificates, temporaryDirectory } from "../_certs.ts";
import { RawServer } from "../_raw_peer.ts";
import { succeeds, testWith } from "../peers/suite.ts";
import { noTerminal, Terminal, type TerminalOptions } from "./_terminal.ts";
import { root, wssArgs } from "./_wss.ts";

const PYTHON = "/usr/bin/python3";
const missing = noTerminal
  ? "tmux"
  : succeeds(PYTHON, "-c", "import websockets.legacy.server")
  ? undefined
  : "websockets for Python";

/** A server; what it is sent goes to `said`. */
async function start(handler: Handler): Promise<Server> {
  const { chain } = await devCertificates();
  return await serve({ port: 0, engine: "node", ...chain }, handler);
}

/** Answers what it is told, and `evil` with what a terminal would obey. */
const answer: Handler = async (ws) => {
  for await (const message of ws) {
    if (message === "evil") await ws.send("\x1b[2Jgone\u202e\nnext");
    else if (message === "leave") await ws.close(4001, "as you wish");
    else await ws.send(message);
  }
};

/** `wss connect` in a terminal, when it has shown something: that it is connected. */
async function open(
  { url }: { url: string },
  args: readonly string[] = [],
  { permissions = [], seen = /connected to/, ...options }: TerminalOptions & {
    permissions?: readonly string[];
    seen?: RegExp;
  } = {},
): Promise<Terminal> {
  const { dir } = await devCertificates();
  const { host } = new URL(url);
  const terminal = await Terminal.open([
    Deno.execPath(),
    ...wssArgs(["connect", host, "--cacert", `${dir}/ca.pem`, ...args], [
      `--allow-net=${host}`,
      `--allow-read=${dir}/ca.pem`,
      ...permissions,
    ]),
  ], { columns: 70, rows: 30, cwd: root, ...options });
  await terminal.seen(seen);
  return terminal;
}

Deno.test(
  "wss connect lets a line be edited and found again, and closes with 1000 on Ctrl-D",
  {
    ignore: noTerminal,
  },
  async () => {
    const closed = Promise.withResolvers<number>();
    await using server = await start(async (ws) => {
      await answer(ws);
      closed.resolve((await ws.closed).code);
    });
    await using terminal = await open(server);
    await terminal.type("hello wrld");
    await terminal.press("Left", "Left", "Left");
    await terminal.type("o");
    await terminal.press("Enter");
    await terminal.seen(/^> hello world\n< hello world$/m);
    await terminal.press("Up", "BSpace", "Enter");
    await terminal.seen(/^> hello worl\n< hello worl$/m);
    await terminal.press("C-d");
    await terminal.seen(/^closed with 1000\n\[exit 0\]$/m);
    assertEquals(await closed.promise, 1000);
  },
);

Deno.test("wss connect --once shows the answer to what is typed, and ends", {
  ignore: noTerminal,
}, async () => {
  await using server = await start(answer);
  await using terminal = await open(server, ["--once"]);
  await terminal.type("hello");
  await terminal.press("Enter");
  await terminal.seen(/^> hello\n< hello\nclosed with 1000\n\[exit 0\]$/m);
});

Deno.test("wss connect takes what is typed while it closes for nothing", {
  ignore: noTerminal,
}, async () => {
  await using server = new RawServer(async (peer) => {
    // It never answers the close frame.
    await peer.accept();
    await peer.ended();
  }, (await devCertificates()).chain);
  await using terminal = await open(server);
  await terminal.press("C-c");
  for (const line of ["one", "two"]) {
    await terminal.type(line);
    await terminal.press("Enter");
  }
  await terminal.press("C-d");
  await terminal.press("C-c");
  await terminal.seen(/\[exit 130\]$/m);
});

Deno.test(
  "wss connect keeps what is being typed whole, over several rows, while messages come and the size changes",
  {
    ignore: noTerminal,
  },
  async () => {
    let push: ((text: string) => Promise<void>) | undefined;
    const got = Promise.withResolvers<unknown>();
    await using server = await start(async (ws) => {
      push = (text) => ws.send(text);
      got.resolve(await ws.receive());
    });
    await using terminal = await open(server, [], { columns: 40 });
    const typed = "a line of 漢字 that takes more than one row and ends here";
    await terminal.type(typed);
    await terminal.press(...Array(10).fill("Left"));
    await terminal.seen(/here$/);
    await push?.("first");
    await terminal.seen(/^< first$/m);
    await push?.("wide 漢字 and\ntwo lines");
    const screen = await terminal.seen(/^ {2}two lines$/m);
    assertMatch(
      screen,
      /^< first\n< wide 漢字 and\n {2}two lines\n> a line of/m,
    );
    assertEquals(unwrapped(screen, 40).at(-1), `> ${typed}`);

    await terminal.resize(30, 30);
    await push?.("narrow");
    const narrow = await terminal.seen(/^< narrow$/m);
    assertEquals(unwrapped(narrow, 30).at(-1), `> ${typed}`);
    await terminal.resize(60, 30);
    await push?.("broad");
    await terminal.seen(/^< broad$/m);
    // The cursor is where it was.
    await terminal.type("!");
    await terminal.press("Enter");
    assertEquals(await got.promise, typed.replace(/.{10}$/, "!$&"));
  },
);

/** The lines of a screen, without those breaks that only its width made. */
function unwrapped(screen: string, columns: number): string[] {
  const lines: string[] = [];
  let isFull = false;
  for (const row of screen.split("\n")) {
    if (isFull) lines.push(`${lines.pop()}${row}`);
    else lines.push(row);
    // A wide character that does not fit leaves one column empty.
    isFull = widthOf(row) >= columns - 1;
  }
  return lines;
}

function widthOf(text: string): number {
  return [...text].reduce((sum, char) => sum + (char > "\u2e80" ? 2 : 1), 0);
}

Deno.test(
  "wss connect shows no control character of the server, and shortens what is long",
  {
    ignore: noTerminal,
  },
  async () => {
    await using server = await start(async (ws) => {
      await ws.send("\x1b[2Jgone\u202e\nnext");
      await ws.send(new Uint8Array(70).fill(0x41));
      await ws.send(`${"x".repeat(2047)}\u{1f600} and more`);
      await ws.closed;
    });
    await using terminal = await open(server, [], { columns: 100, rows: 50 });
    const screen = await terminal.seen(/--full shows all\)\n>$/);
    assertMatch(screen, /^< \\u001b\[2Jgone\\u202e\n {2}next$/m);
    assertMatch(
      screen,
      /^< \(binary, 70 bytes; --full shows all\)\n {2}00000000 {2}(41 ){16} \|A{16}\|\n/m,
    );
    assertMatch(screen, /x…\n {2}\(2,058 characters; --full shows all\)/);
  },
);

Deno.test("wss connect has commands behind a slash, and says what there is", {
  ignore: noTerminal,
}, async () => {
  const got: unknown[] = [];
  await using server = await start(async (ws) => {
    got.push(await ws.receive(), await ws.receive());
    const { code, reason } = await ws.closed;
    got.push(code, reason);
  });
  await using terminal = await open(server);
  const enter = async (text: string) => {
    await terminal.type(text);
    await terminal.press("Enter");
  };
  await enter("/ping");
  await terminal.seen(/^answered in [\d.]+ ms$/m);
  await terminal.type("/bi");
  await terminal.press("Tab");
  await enter("01 fF");
  await terminal.seen(/^> \/binary 01 fF\nsent 2 bytes$/m);
  await enter("/binary xyz");
  await terminal.seen(/pairs of hexadecimal digits/);
  await enter("/binary @secret.bin");
  await terminal.seen(/to read secret\.bin, wss has to be/);
  await enter("/what");
  await terminal.seen(/there is no \/what; \/help shows/);
  await enter("/close 1005");
  await terminal.seen(/\/close takes a code of/);
  await terminal.press("C-z"); // It stays, and as it is.
  await enter("//slash");
  await enter("/close 4000 enough of it");
  await terminal.seen(
    /^> \/\/slash\n> \/close 4000 enough of it\nclosed with 4000 "enough of it"\n\[exit 0\]$/m,
  );
  assertEquals(got, [
    new Uint8Array([1, 255]),
    "/slash",
    4000,
    "enough of it",
  ]);
});

Deno.test(
  "wss connect --json shows JSON in colour, and without with NO_COLOR",
  {
    ignore: noTerminal,
  },
  async () => {
    await using server = await start(answer);
    for (const NO_COLOR of ["", "1"]) {
      const env = NO_COLOR === "" ? {} : { NO_COLOR };
      await using terminal = await open(server, ["--json"], { env });
      await terminal.type('{"a": [1, "b"]}');
      await terminal.press("Enter");
      await terminal.seen(
        /^< \{\n {4}"a": \[\n {6}1,\n {6}"b"\n {4}\]\n {2}\}$/m,
      );
      const screen = await terminal.screen({ colors: true });
      assertEquals(screen.includes("\x1b[36m"), NO_COLOR === "");
    }
  },
);

Deno.test(
  "wss connect says how the server closed, and ends with 7; Ctrl-C leaves, the second at once",
  {
    ignore: noTerminal,
  },
  async () => {
    await using server = await start(answer);
    {
      await using terminal = await open(server, [], { columns: 100 });
      await terminal.type("leave");
      await terminal.press("Enter");
      const screen = await terminal.seen(/\[exit \d+\]/);
      assertMatch(screen, /code 4001 "as you wish"\n\[exit 7\]$/);
    }
    {
      await using terminal = await open(server);
      await terminal.type("half a line");
      await terminal.press("C-c");
      await terminal.seen(/^> half a line\nclosed with 1000\n\[exit 130\]$/m);
    }
    {
      const listener = Deno.listen({ hostname: "localhost", port: 0 });
      const { port } = listener.addr as Deno.NetAddr;
      listener.close();
      const url = `wss://localhost:${port}`;
      const nowhere = { seen: /connecting again in/ };
      await using terminal = await open({ url }, ["--reconnect"], nowhere);
      await terminal.press("C-d");
      await terminal.seen(/^left without a connection\n\[exit 130\]$/m);
    }
    // One that does not answer the close frame.
    const { chain } = await devCertificates();
    await using silent = new RawServer(async (peer) => {
      await peer.accept();
    }, chain);
    await using terminal = await open(silent);
    await terminal.press("C-c");
    await terminal.press("C-c");
    await terminal.seen(/^\[exit 130\]$/m);
  },
);

Deno.test(
  "wss connect --history keeps what was typed in a file for its owner only",
  {
    ignore: noTerminal,
  },
  async () => {
    await using server = await start(answer);
    await using directory = await temporaryDirectory();
    const file = `${directory.path}/history`;
    const args = ["--history", file];
    const permissions = [`--allow-read=${file}`, `--allow-write=${file}`];
    for (const line of ["one", "two"]) {
      await using terminal = await open(server, args, { permissions });
      await terminal.type(line);
      await terminal.press("Enter");
      await terminal.seen(new RegExp(`^< ${line}$`, "m"));
      await terminal.press("C-d");
      await terminal.seen(/\[exit 0\]/);
    }
    assertEquals(await Deno.readTextFile(file), "one\ntwo\n");
    const { mode } = await Deno.stat(file);
    assert(mode === null || (mode & 0o777) === 0o600);
    await using terminal = await open(server, args, { permissions });
    await terminal.press("Up", "Up", "Enter");
    await terminal.seen(/^< one$/m);
  },
);

testWith(
  missing,
  "wss connect talks at a terminal with a Python server",
  async () => {
    const { dir } = await devCertificates();
    await using server = new Deno.Command(PYTHON, {
      args: ["-I", "-c", SERVER, `${dir}/localhost.pem`],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const reader = server.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    const { value = "" } = await reader.read();
    {
      await using terminal = await open({
        url: `wss://localhost:${value.trim()}`,
      });
      await terminal.type("Ada");
      await terminal.press("Enter");
      await terminal.type("half");
      const screen = await terminal.seen(/^< third$/m);
      assertMatch(screen, /^> Ada\n< Hello Ada!\n< second\n< third\n> half$/m);
      await terminal.press("C-u", "C-d");
      await terminal.seen(/\[exit 0\]/);
    }
    assertEquals((await server.status).code, 0);
    await reader.cancel();
  },
);

/** It greets, says two things more while the other types, and ends with its client. */
const SERVER = `
import asyncio, ssl, sys
from websockets import serve

async def main():
    over = asyncio.get_running_loop().create_future()
    async def greet(ws):
        name = await ws.recv()
        await ws.send(f"Hello {name}!")
        for text in ["second", "third"]:
            await asyncio.sleep(0.3)
            await ws.send(text)
        await ws.wait_closed()
        over.set_result(None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    async with serve(greet, "localhost", 0, ssl=context) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await over

asyncio.run(main())
`;
