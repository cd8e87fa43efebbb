/**
 * What must hold of the opening handshake between this module and any peer.
 *
 * @module
 */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect } from "../../client.ts";
import { HandshakeError, TlsError } from "../../server.ts";
import {
  connectPeer,
  type Meeting,
  open,
  type PairOptions,
  servePeer,
} from "./pair.ts";
import type { Step } from "./suite.ts";

async function assertAgreed(
  meeting: Meeting,
  options: PairOptions,
  protocol: string,
): Promise<void> {
  await using pair = await open(meeting, options);
  assertEquals(pair.ours.protocol, protocol);
  assertEquals(pair.theirs.protocol, protocol);
  await pair.theirs.send("and it works");
  assertEquals(await pair.ours.receive(), "and it works");
}

/** The steps about the opening handshake. */
export const handshakeSteps: Step[] = [
  {
    name: "neither side has a subprotocol when none is asked for",
    run: (meeting) => assertAgreed(meeting, {}, ""),
  },
  {
    name: "the one subprotocol that both have is agreed on",
    run: (meeting) =>
      assertAgreed(meeting, {
        protocols: meeting.side === "serve()" ? ["b"] : ["a", "b"],
        theirProtocols: meeting.side === "serve()" ? ["a", "b"] : ["b"],
      }, "b"),
  },
  {
    name: "a subprotocol is agreed on without space in the offer",
    side: "serve()",
    run: (meeting) =>
      assertAgreed(
        meeting,
        { protocols: ["b"], theirProtocols: ["a,b"] },
        "b",
      ),
  },
  {
    name: "the server's first subprotocol wins over the client's",
    side: "serve()",
    run: (meeting) =>
      assertAgreed(
        meeting,
        { protocols: ["b", "a"], theirProtocols: ["a", "b"] },
        "b",
      ),
  },
  {
    name: "a server that supports none of our subprotocols is still a server",
    side: "connect()",
    run: (meeting) =>
      assertAgreed(
        meeting,
        { protocols: ["a", "b"], theirProtocols: ["c"] },
        "",
      ),
  },
  {
    name: "authorize() refuses with a status that the peer sees",
    side: "serve()",
    async run(meeting) {
      await using stack = new AsyncDisposableStack();
      const refusing = {
        authorize: () => new Response("No ticket", { status: 401 }),
      };
      const { message } = await assertRejects(
        () => connectPeer(stack, meeting, refusing, () => {}),
        Error,
      );
      assertMatch(message, /\b401\b/);
    },
  },
];

/** The steps about what `connect()` says when it does not come to a connection. */
export const refusalSteps: Step[] = [
  {
    name: "connect() says that it doesn't trust the peer's certificate",
    side: "connect()",
    async run(meeting) {
      await using stack = new AsyncDisposableStack();
      const url = await servePeer(stack, meeting, {});
      const { engine } = meeting;
      const error = await assertRejects(
        () => connect(url, { engine }),
        TlsError,
      );
      assertEquals(error.reason, "unknown-issuer");
    },
  },
  {
    name: "connect() says that the peer refused the handshake",
    side: "connect()",
    async run(meeting) {
      await using stack = new AsyncDisposableStack();
      const url = await servePeer(stack, meeting, { refuse: 401 });
      const { certificates: { caCerts }, engine } = meeting;
      await assertRejects(
        () => connect(url, { engine, caCerts }),
        HandshakeError,
      );
    },
  },
];
