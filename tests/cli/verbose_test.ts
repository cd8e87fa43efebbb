import { assertEquals } from "@std/assert";
import { HandshakeError } from "../../client.ts";
import {
  tellRefusal,
  tellRequest,
  withoutSecrets,
} from "../../src/cli/connect/verbose.ts";
import type { ConnectValues } from "../../src/cli/connect/values.ts";

/** What of `-v` the tests look at. */
const VALUES = { engine: "deno" } as ConnectValues;

Deno.test("wss connect -v hides what may be a token in the request", () => {
  const lines: string[] = [];
  const url = new URL("wss://chat.test/in?SECRET1&token=SECRET2");
  tellRequest(
    url,
    {
      headers: { authorization: "Bearer SECRET3", "x-key": "SECRET4" },
      protocols: ["chat", "base64url.bearer.authorization.SECRET5"],
    },
    VALUES,
    (line) => void lines.push(line),
  );
  assertEquals(lines, [
    "* connecting to wss://chat.test/in",
    "> GET /in?(hidden)&token=(hidden) HTTP/1.1",
    "> host: chat.test",
    "> authorization: Bearer (hidden)",
    "> x-key: (hidden)",
    "> sec-websocket-protocol: chat, base64url.bearer.authorization.(hidden)",
    "* --engine deno tells neither what else it asks nor the answer",
  ]);
});

Deno.test("wss connect -v hides what is secret in an answer, or was sent", () => {
  const lines: string[] = [];
  const url = new URL("wss://chat.test/?key=SECRET1");
  const options = { headers: { authorization: "Bearer SECRET2" } };
  const error = new HandshakeError("Cannot connect", {
    status: 302,
    statusText: "Found",
    headers: new Headers([
      ["location", "https://u:SECRET3@login.test/a?b=SECRET4"],
      ["set-cookie", "id=SECRET5"],
      ["x-echo", "no SECRET2, no Bearer SECRET2, and no SECRET1"],
    ]),
  });
  tellRefusal(error, withoutSecrets((line) => lines.push(line), url, options));
  assertEquals(lines, [
    "< HTTP/1.1 302 Found",
    "< location: https://(hidden)@login.test/a?(hidden)",
    "< set-cookie: (hidden)",
    "< x-echo: no (hidden), no (hidden), and no (hidden)",
  ]);
});
