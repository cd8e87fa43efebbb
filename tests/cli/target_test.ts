/**
 * The options that all clients of the command have.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { Command } from "commander";
import {
  connect,
  HandshakeError,
  NetworkError,
  TlsError,
} from "../../client.ts";
import { UsageError } from "../../src/cli/failure.ts";
import {
  addTargetOptions,
  connectOptions,
  type TargetValues,
} from "../../src/cli/target.ts";
import { readTarget, shownUrl } from "../../src/cli/target_url.ts";
import { inFlags } from "../../src/cli/target_words.ts";
import { explainAnswer } from "../../src/client/answer.ts";
import { devCertificates, temporaryDirectory } from "../_certs.ts";

/** The values of a command line. */
function valuesOf(...args: string[]): TargetValues {
  const command = addTargetOptions(new Command("test"));
  command.exitOverride().configureOutput({ writeErr: () => {} });
  return command.parse(args, { from: "user" }).opts();
}

Deno.test("readTarget() takes a host without a scheme for wss://", () => {
  const cases: [string, string][] = [
    ["chat.example", "wss://chat.example/"],
    ["localhost:8765/room?a=b", "wss://localhost:8765/room?a=b"],
    [":8765", "wss://localhost:8765/"],
    ["[::1]:8765", "wss://[::1]:8765/"],
    ["ws://localhost:80", "ws://localhost/"],
    ["WSS://CHAT.example", "wss://chat.example/"],
  ];
  for (const [text, url] of cases) assertEquals(readTarget(text).href, url);
});

Deno.test("readTarget() refuses what is no WebSocket's, and shows nothing of it", () => {
  const cases: [string, RegExp][] = [
    ["https://u:hunter2@chat.example", /begins with wss:\/\/, not with https/],
    ["http://chat.example/?hunter2", /begins with ws:\/\/, not with http/],
    ["ftp://hunter2", /must begin with wss:\/\/ or ws:\/\//],
    ["wss://hunter2:99999", /malformed/],
    ["hunter2 x", /malformed/],
    ["", /malformed/],
    ["chat.example#hunter2", /fragment/],
  ];
  for (const [text, message] of cases) {
    const error = assertThrows(() => readTarget(text), UsageError);
    assertMatch(error.message, message);
    assert(!error.message.includes("hunter2"), error.message);
  }
  const shown = shownUrl(new URL("wss://u:hunter2@a.example/b?hunter2"));
  assertEquals(shown, "wss://a.example/b");
});

Deno.test("connectOptions() reads headers, from the line and from files", async () => {
  await using directory = await temporaryDirectory();
  const file = await directory.write("lines", "x-b: 2\n\nx-c:3\r\n");
  const login = await directory.write("login", "user:pass:word\n");
  const { headers, protocols, openTimeout, engine } = await connectOptions(
    valuesOf(
      ...["-H", "x-a: 1", "-H", `@${file}`, "--auth", `file:${login}`],
      ...["--subprotocol", "a", "--subprotocol", "b"],
      ...["--origin", "https://a.example", "--connect-timeout", "2s"],
    ),
  );
  assertEquals(Object.fromEntries(new Headers(headers)), {
    authorization: `Basic ${btoa("user:pass:word")}`,
    origin: "https://a.example",
    "x-a": "1",
    "x-b": "2",
    "x-c": "3",
  });
  assertEquals([protocols, openTimeout, engine], [["a", "b"], 2000, "node"]);
});

Deno.test("connectOptions() refuses what makes no sense, and shows no secret", async () => {
  await using directory = await temporaryDirectory();
  const empty = await directory.write("empty", "\n");
  const bad = await directory.write("bad", "hunter2\nx\n");
  const named = await directory.write("named", "robot:hunter2\n");
  const cases: [string[], RegExp][] = [
    [["--token", "hunter2"], /--token takes env:NAME or file:PATH/],
    [["--token", `file:${empty}`], /--token: there is nothing in/],
    [["--token", `file:${bad}`], /--token: that is no bearer token/],
    [["--token", `file:${named}`], /--token: .*without its name/],
    [["--auth", `file:${bad}`], /--auth: there is no colon/],
    [["--auth", "file:/no/such"], /--auth: there is no file \/no\/such/],
    [["-H", "hunter2"], /--header must be like "name: value"/],
    [["-H", "x-a: hunter2\nx"], /--header "x-a": the name or the value/],
    [["-H", "@/no/such"], /--header: there is no file \/no\/such/],
    [["--key", "a.pem"], /--cert, which is missing/],
    [["--no-default-cacerts"], /nobody to trust: give --cacert/],
    [["--resolve", "a:b"], /--resolve must be like/],
    [["--engine", "deno", "--tls-min", "1.3"], /--engine deno cannot honour/],
  ];
  for (const [args, message] of cases) {
    const error = await assertRejects(
      () => connectOptions(valuesOf(...args)),
      UsageError,
    );
    assertMatch(error.message, message);
    assert(!error.message.includes("hunter2"), error.message);
  }
});

Deno.test("connectOptions() leaves what is wrong with a certificate to TlsError", async () => {
  await using directory = await temporaryDirectory();
  const file = await directory.write("ca.pem", "no PEM");
  for (const name of ["--cacert", "--cert"]) {
    for (const path of [file, `${directory.path}/none`]) {
      const error = await assertRejects(
        () => connectOptions(valuesOf(name, path)),
        TlsError,
      );
      // A certificate of its own is of no use to a client.
      assertMatch(error.message, /; (convert it with .*|mend the path)$/);
    }
  }
});

Deno.test("inFlags() says what connect() has against an option in the words of its flag", async () => {
  const { dir } = await devCertificates();
  const pin = `sha256/${"A".repeat(43)}=`;
  const cases: [string, string[], RegExp][] = [
    ["wss://a.invalid", ["--pin", "x"], /--pin: a pin is/],
    ["wss://a.invalid", ["--pin", pin], /--pin: there must be two/],
    ["ws://a.invalid", ["--tls-min", "1.3"], /--tls-min: a ws:\/\/ URL/],
    ["wss://a.invalid", ["--proxy", "ftp://b"], /--proxy: it must/],
    [
      "ws://a.invalid",
      ["--proxy", "http://b", "--engine", "deno"],
      /--proxy: .*use wss, or --engine node/,
    ],
    [
      "wss://a.invalid",
      ["--resolve", "a.invalid:443:a/b"],
      /--resolve: /,
    ],
    ["wss://a.invalid", ["--unix-socket", ""], /--unix-socket: it must/],
    [
      "wss://a.invalid",
      ["--unix-socket", "/a", "--proxy", "http://b"],
      /--unix-socket with --proxy: either/,
    ],
    ["wss://a.invalid", ["--subprotocol", "a b"], /--subprotocol.*token/],
    [
      "wss://a.invalid",
      ["--subprotocol", "a", "--subprotocol", "a"],
      /the same --subprotocol twice/,
    ],
    [
      "ws://a.invalid",
      ["--cacert", `${dir}/ca.pem`, "--no-default-cacerts"],
      /--no-default-cacerts: a ws:\/\/ URL/,
    ],
  ];
  for (const [url, args, message] of cases) {
    const options = await connectOptions(valuesOf(...args));
    const error = inFlags(await connect(url, options).catch((error) => error));
    assertInstanceOf(error, UsageError, args.join(" "));
    assertMatch(error.message, message);
  }
});

Deno.test("inFlags() names the flags that errors of the network tell of, and leaves others alone", () => {
  const late = inFlags(
    new DOMException("No answer; raise `openTimeout`", "TimeoutError"),
  );
  assertInstanceOf(late, DOMException);
  assertEquals([late.name, late.message], [
    "TimeoutError",
    "No answer; raise --connect-timeout",
  ]);
  const lost = new NetworkError("Cannot connect", {
    reason: "refused",
    remedy: "start the server, or check `resolve`",
  });
  assertEquals(inFlags(lost), lost);
  assertMatch(lost.message, /or check --resolve$/);
  const headers = new Headers({ authorization: "Bearer x" });
  for (
    const status of [200, 400, 401, 403, 404, 407, 410, 418, 426, 500, 503]
  ) {
    for (const sent of [{}, { headers }]) {
      const error = inFlags(explainAnswer("Cannot connect", { status }, sent));
      assertInstanceOf(error, HandshakeError);
      const words = error.message.replaceAll("`Upgrade`", "");
      assert(!/`|\bbody\b|authorization|reconnect\(/.test(words), words);
    }
  }
  const bug = new TypeError("x is not a function");
  assertEquals(inFlags(bug), bug);
});
