/**
 * What must hold of the end of a connection between this module and any peer.
 *
 * @module
 */

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import type { Message } from "../../src/channel.ts";
import { type Connection, ConnectionClosedError } from "../../server.ts";
import { connectPeer, type Meeting, open } from "./pair.ts";
import type { Step } from "./suite.ts";

const THEIR_CLOSES: [code: number | undefined, reason: string][] = [
  [1000, ""],
  [1000, "done"],
  [1001, "leaving"],
  [1011, "it broke"],
  [3000, "prüf 🔐"],
  [4999, "x".repeat(123)],
  [undefined, ""],
];

const OUR_CLOSES: [code: number, reason: string][] = [
  [1000, ""],
  [1000, "done"],
  [3000, "prüf 🔐"],
  [4999, "x".repeat(123)],
];

const SERVER_CLOSES: [code: number, reason: string][] = [
  [1001, "leaving"],
  [1011, "it broke"],
];

/** All that can be received, then how the iteration went on. */
async function iterate(
  ours: Connection,
): Promise<{ messages: Message[]; error: unknown }> {
  const messages: Message[] = [];
  try {
    for await (const message of ours) messages.push(message);
    return { messages, error: undefined };
  } catch (error) {
    return { messages, error };
  }
}

/** Normal ends throw nothing, and all others how it ended. */
function assertEnded(error: unknown, code: number, reason: string): void {
  if ([1000, 1001, 1005].includes(code)) return assertEquals(error, undefined);
  assertInstanceOf(error, ConnectionClosedError);
  assertEquals([error.code, error.reason], [code, reason]);
}

async function theyClose(
  meeting: Meeting,
  sent: number | undefined,
  reason: string,
): Promise<void> {
  const code = sent ?? 1005;
  await using pair = await open(meeting);
  const { ours, theirs } = pair;
  const before = iterate(ours);
  await theirs.send("last words");

  // It is our end that answers their close frame.
  assertEquals(await theirs.close(sent, reason), { code, reason, clean: true });
  assertEquals(await ours.closed, { code, reason, wasClean: true });
  const { messages, error } = await before;
  assertEquals(messages, ["last words"]);
  assertEnded(error, code, reason);
  assertEnded((await iterate(ours)).error, code, reason);
  const refused = await assertRejects(
    () => ours.send("late"),
    ConnectionClosedError,
  );
  assertEquals([refused.code, refused.reason], [code, reason]);
}

async function weClose(
  meeting: Meeting,
  code: number,
  reason: string,
): Promise<void> {
  await using pair = await open(meeting);
  const { ours, theirs } = pair;
  const sent = ours.send("last words");
  const closed = ours.close(code, reason);
  await sent;

  assertEquals(await theirs.receive(), "last words");
  assertEquals(await theirs.ended(), { code, reason, clean: true });
  assertEquals(await closed, { code, reason, wasClean: true });
  assertEnded((await iterate(ours)).error, code, reason);
}

function describe(code: number | undefined, reason: string): string {
  if (code === undefined) return "without a code";
  if (reason.length > 20) return `with ${code} and the longest reason`;
  return reason === ""
    ? `with ${code} alone`
    : `with ${code} ${JSON.stringify(reason)}`;
}

function ourClose([code, reason]: [number, string]): Step {
  return {
    name: `they see that we close ${describe(code, reason)}`,
    run: (meeting) => weClose(meeting, code, reason),
  };
}

/** The steps about the end of a connection. */
export const closeSteps: Step[] = [
  ...THEIR_CLOSES.map(([code, reason]): Step => ({
    name: `we see that they close ${describe(code, reason)}`,
    run: (meeting) => theyClose(meeting, code, reason),
  })),
  ...OUR_CLOSES.map(ourClose),
  ...SERVER_CLOSES.map(ourClose).map((step): Step => ({
    ...step,
    side: "serve()",
  })),
  {
    name: "close() without arguments sends 1000",
    async run(meeting) {
      await using pair = await open(meeting);
      const closed = pair.ours.close();
      const end = await pair.theirs.ended();
      assertEquals(end, { code: 1000, reason: "", clean: true });
      assertEquals(await closed, { code: 1000, reason: "", wasClean: true });
    },
  },
  {
    name: "codes that must not be sent are a RangeError, and change nothing",
    async run(meeting) {
      await using pair = await open(meeting);
      const { ours, theirs } = pair;
      const { side, engine } = meeting;
      const builtIn = side === "connect()" && engine === "deno";
      const clients = builtIn ? [1001, 1011] : [];
      for (const code of [...clients, 0, 999, 1005, 1006, 1015, 2999, 5000]) {
        await assertRejects(() => ours.close(code), RangeError);
      }
      await assertRejects(() => ours.close(1000, "é".repeat(62)), RangeError);

      await ours.send("still here");
      assertEquals(await theirs.receive(), "still here");
    },
  },
  {
    name: "a peer that is cut off ends the connection with 1006",
    async run(meeting) {
      await using pair = await open(meeting);
      const { ours, theirs } = pair;
      const iterating = iterate(ours);
      await theirs.drop();

      const lost = { code: 1006, reason: "", wasClean: false };
      assertEquals(await ours.closed, lost);
      assertEnded((await iterating).error, 1006, "");
    },
  },
  {
    name: "a handler that returns closes with 1000",
    side: "serve()",
    async run(meeting) {
      await using stack = new AsyncDisposableStack();
      const theirs = await connectPeer(
        stack,
        meeting,
        {},
        (ws) => ws.send("bye"),
      );
      assertEquals(await theirs.receive(), "bye");
      const end = await theirs.ended();
      assertEquals(end, { code: 1000, reason: "", clean: true });
    },
  },
  {
    name: "a handler that throws closes with 1011, and tells nothing more",
    side: "serve()",
    async run(meeting) {
      await using stack = new AsyncDisposableStack();
      const errors: unknown[] = [];
      const onError = (error: unknown) => void errors.push(error);
      const failure = new Error("password=hunter2");
      const theirs = await connectPeer(
        stack,
        meeting,
        { onError },
        async (ws) => {
          await ws.receive();
          throw failure;
        },
      );
      await theirs.send("go on");
      const end = await theirs.ended();
      assertEquals(end, { code: 1011, reason: "", clean: true });
      assertEquals(errors, [failure]);
    },
  },
  {
    name: "a server that shuts down closes with 1001",
    side: "serve()",
    async run(meeting) {
      await using stack = new AsyncDisposableStack();
      const controller = new AbortController();
      const { signal } = controller;
      const theirs = await connectPeer(
        stack,
        meeting,
        { signal },
        (ws) => ws.receive(),
      );
      controller.abort();
      const reason = "server is shutting down";
      assertEquals(await theirs.ended(), { code: 1001, reason, clean: true });
    },
  },
];
