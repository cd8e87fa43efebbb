import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { connect, type ConnectOptions, HandshakeError } from "../mod.ts";
import { devCertificates, forge } from "./_certs.ts";
import { type Answer, Opcode, type RawPeer, RawServer } from "./_raw_peer.ts";

async function refused(
  url: string,
  options: ConnectOptions = {},
): Promise<Error> {
  const { ca } = await devCertificates();
  return await assertRejects(
    () => connect(url, { caCerts: [ca], openTimeout: 4000, ...options }),
    Error,
  );
}

const NO = "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno";

/** A server that refuses all, and keeps what it was asked. */
async function refusing(
  secure: boolean,
): Promise<{ server: RawServer; asked: Answer[] }> {
  const asked: Answer[] = [];
  const { chain } = await devCertificates();
  const server = new RawServer(async (peer) => {
    asked.push(await peer.readHead());
    await peer.write(NO);
    peer[Symbol.dispose]();
  }, secure ? chain : undefined);
  return { server, asked };
}

Deno.test("connect() asks once more what the runtime asked, with another key", async () => {
  const { server, asked } = await refusing(true);
  await using _ = server;
  await refused(`${server.url}/a%20b?c=d&e`, {
    protocols: ["one", "two"],
    headers: {
      "x-many": "1, 2",
      "upgrade": "h2c",
      "host": "elsewhere.example",
    },
  });
  assertEquals(asked.length, 2);
  const [first, second] = asked;
  assertEquals(second?.line, first?.line);
  const lines = (answer?: Answer) =>
    [...answer?.headers ?? []].filter(([name]) => name !== "sec-websocket-key");
  assertEquals(lines(second), lines(first));
  const keys = asked.map(({ headers }) => headers.get("sec-websocket-key"));
  assert(keys.every((key) => /^[\w+/]{22}==$/.test(key ?? "")));
  await refused(server.url);
  keys.push(asked.at(-1)?.headers.get("sec-websocket-key") ?? null);
  assertEquals(new Set(keys).size, 3);
});

Deno.test("connect() sends bytes in headers as they are when it asks once more", async () => {
  const seen = new Set<string | null>();
  await using http = Deno.serve({ port: 0, onListen() {} }, (request) => {
    seen.add(request.headers.get("x-bytes"));
    return new Response(null, { status: 403 });
  });
  const url = `ws://localhost:${http.addr.port}`;
  await refused(url, { headers: { "x-bytes": "\u00e9\u00ff" } });
  assertEquals([...seen], ["\u00e9\u00ff"]);
});

Deno.test("connect() does not look where diagnose is false, and says what would show the answer", async () => {
  for (const secure of [true, false]) {
    const { server, asked } = await refusing(secure);
    await using _ = server;
    const error = await refused(server.url, { diagnose: false });
    assert(error instanceof HandshakeError);
    assertEquals(asked.length, 1);
    if (secure) {
      assertEquals(error.status, undefined);
      assertStringIncludes(error.message, "leave out `diagnose: false`");
    } else {
      assertEquals(error.status, 403);
    }
  }
});

Deno.test("connect() sends no request to a server that is not trusted", async () => {
  const asked: Uint8Array[] = [];
  const script = async (peer: RawPeer) => {
    asked.push(await peer.rest());
  };
  await using server = new RawServer(script, await forge());
  await refused(server.url, { headers: { authorization: "secret" } });
  assertEquals(asked.filter(({ length }) => length > 0), []);
});

Deno.test("connect() looks at half of openTimeout how far one gets, and sends no second request", async () => {
  const { chain } = await devCertificates();
  const heads: string[] = [];
  {
    await using server = new RawServer(async (peer) => {
      const bytes = await peer.rest();
      heads.push(new TextDecoder().decode(bytes));
    }, chain);
    const error = await refused(server.url, { openTimeout: 300 });
    assertEquals(error.name, "TimeoutError");
    assertStringIncludes(error.message, "the request was not answered");
    assertEquals(server.accepted, 2);
  }
  assertEquals(heads.filter((head) => head !== "").length, 1);
});

Deno.test("connect() does not look halfway where diagnose is false, and names no step", async () => {
  await using server = new RawServer((peer) => peer.ended());
  const error = await refused(server.url, {
    openTimeout: 200,
    diagnose: false,
  });
  assertEquals(
    error.message,
    `Cannot connect to ${server.url}: no answer within 200 ms; check host and port, or raise \`openTimeout\``,
  );
  assertEquals(server.accepted, 1);
});

Deno.test("connect() does not look halfway once it is open", async () => {
  await using server = new RawServer(async (peer) => {
    await peer.accept();
    await new Promise((resolve) => setTimeout(resolve, 150));
    await peer.send({ opcode: Opcode.Text, payload: "late" });
    await peer.ended();
  });
  const ws = await connect(server.url, { openTimeout: 100 });
  assertEquals(await ws.receive(), "late");
  assertEquals(server.accepted, 1);
  ws.terminate();
});

for (const secure of [true, false]) {
  Deno.test(`connect() says that the server agreed when it was asked again, and takes leave, TLS: ${secure}`, async () => {
    const { chain } = await devCertificates();
    const left = Promise.withResolvers<number>();
    let requests = 0;
    await using server = new RawServer(async (peer) => {
      if (++requests === 1) {
        await peer.readHead();
        await peer.write(NO);
        return peer[Symbol.dispose]();
      }
      // The runtime's attempt by HTTP/2 has no request.
      if (secure && requests === 2) return await peer.ended();
      await peer.accept();
      left.resolve((await peer.readClose()).code);
      peer[Symbol.dispose]();
    }, secure ? chain : undefined);
    const error = await refused(server.url);
    assert(error instanceof HandshakeError);
    assertEquals(error.status, undefined);
    assertStringIncludes(
      error.message,
      "the server refused, but agreed when it was asked once more; try again",
    );
    assertEquals(await left.promise, 1000);
  });
}

Deno.test("connect() ends its second look at the deadline, and when its signal aborts", async () => {
  const { chain } = await devCertificates();
  const script = () => {
    let heads = 0;
    return async (peer: RawPeer) => {
      await peer.readHead();
      if (++heads === 1) peer[Symbol.dispose]();
      else {
        controller.abort(reason);
        await peer.ended();
      }
    };
  };
  const reason = new Error("never mind");
  let controller = new AbortController();
  await using server = new RawServer(script(), chain);
  const error = await refused(server.url, { openTimeout: 400 });
  assertEquals(error.name, "TimeoutError");
  assertStringIncludes(error.message, "a second look at why was not answered");
  controller = new AbortController();
  await using other = new RawServer(script(), chain);
  assertEquals(
    await refused(other.url, { signal: controller.signal }),
    reason,
  );
});

Deno.test("connect() waits for no body that does not come, and shows no more than 1,024 characters of one", async () => {
  const { chain } = await devCertificates();
  let length = 0;
  await using server = new RawServer(async (peer) => {
    await peer.readHead();
    await peer.write("HTTP/1.1 403 No\r\nContent-Length: 9999999\r\n\r\n");
    await peer.write("é".repeat(length));
    await peer.ended();
  }, chain);
  const began = performance.now();
  for (length of [3, 5000]) {
    const error = await refused(server.url);
    assert(error instanceof HandshakeError);
    assertEquals(error.body, "é".repeat(Math.min(length, 512)));
  }
  assert(performance.now() - began < 2500);
});
