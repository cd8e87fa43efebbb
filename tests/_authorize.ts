/**
 * Handshakes for tests of who may connect.
 *
 * @module
 */

import { assertInstanceOf } from "@std/assert";
import { serve } from "../mod.ts";
import type { Authorize } from "../src/authorize/authorize.ts";
import type { AuthorizeInfo } from "../src/policy.ts";
import { type Answer, handshake, RawPeer } from "./_raw_peer.ts";

/** What an `authorize` is told of a handshake without a server. */
export interface Asked {
  path?: string;
  headers?: Record<string, string>;
  protocols?: string[];
  peerCertificate?: AuthorizeInfo["peerCertificate"];
}

/** Asks a function for `authorize` directly. */
export function decide<Context>(
  authorize: Authorize<Context>,
  { path = "/", headers = {}, protocols = [], peerCertificate }: Asked = {},
): ReturnType<Authorize<Context>> {
  const request = new Request(`http://localhost${path}`, { headers });
  return authorize(request, {
    url: `ws://localhost${path}`,
    remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 1 },
    protocols,
    peerCertificate,
  });
}

/** Asks directly, and expects a refusal at once: its status, challenge and body. */
export async function refusal(
  authorize: Authorize<unknown>,
  asked: Asked = {},
): Promise<{ status: number; challenge: string | null; body: string }> {
  const response = decide(authorize, asked);
  assertInstanceOf(response, Response);
  return {
    status: response.status,
    challenge: response.headers.get("www-authenticate"),
    body: await response.text(),
  };
}

/** What a server answers to a handshake with these header lines besides. */
export async function answerOf(
  authorize: Authorize<unknown>,
  lines: string[] = [],
  path: string = "/",
): Promise<Answer> {
  await using server = await serve<unknown>(
    { port: 0, logger: {}, protocols: ["chat"], authorize },
    () => {},
  );
  using peer = await RawPeer.dial(server.url);
  return await peer.ask([
    ...handshake(new URL(server.url).host, path),
    ...lines,
  ]);
}

/** The `Authorization` header of a user, in UTF-8. */
export function basic(user: string, password: string): string {
  return `Basic ${new TextEncoder().encode(`${user}:${password}`).toBase64()}`;
}
