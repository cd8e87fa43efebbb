/**
 * What a server or a client by hand does with the other side.
 *
 * @module
 */

/**
 * What a {@linkcode MisbehavingServer} does with each of its clients, by `kind`.
 *
 * Before the WebSocket is open:
 * - `silent` takes the TCP connection and says nothing, not even TLS.
 * - `unanswered` speaks TLS, and never answers the request.
 * - `trickle` answers the request byte by byte, one in each `interval`.
 * - `answer` answers with any status, with headers and a body.
 * - `wrong-accept` agrees to the WebSocket of another request.
 * - `wrong-protocol` agrees, to a subprotocol that nobody asked for.
 *
 * On the open WebSocket:
 * - `mute` reads everything and says nothing: no pong, no close frame.
 * - `stuck` reads nothing.
 * - `flood` sends as fast as the client takes it.
 * - `close` closes at once.
 * - `never-closes` echoes, but never answers a close frame.
 * - `break-off` hangs up in the middle of a message.
 * - `echo` keeps to the protocol, and sends back what comes.
 *
 * At any time: `hang-up` ends the connection, without a close frame.
 *
 * @example A server in trouble
 * ```ts
 * import { connect, HandshakeError } from "@wss/wss";
 * import { type Behaviour, misbehave } from "@wss/wss/testing";
 *
 * const overloaded: Behaviour = { kind: "answer", status: 503, headers: { "retry-after": "1" } };
 * await using server = await misbehave(overloaded);
 * const error = await connect(server.url, server.client).catch((error) => error);
 * console.log(error instanceof HandshakeError); // true
 * ```
 */
export type Behaviour =
  | { readonly kind: "silent" }
  | { readonly kind: "unanswered" }
  | {
    readonly kind: "trickle";
    /**
     * Milliseconds from byte to byte.
     *
     * @default {100}
     */
    readonly interval?: number | undefined;
  }
  | {
    readonly kind: "answer";
    /** The HTTP status, from 200 to 599. */
    readonly status: number;
    /** The text behind the status. */
    readonly statusText?: string | undefined;
    /** Headers, besides Content-Length and Connection. */
    readonly headers?: Readonly<Record<string, string>> | undefined;
    /** The body. */
    readonly body?: string | undefined;
  }
  | { readonly kind: "wrong-accept" }
  | {
    readonly kind: "wrong-protocol";
    /**
     * The subprotocol.
     *
     * @default {"unasked"}
     */
    readonly protocol?: string | undefined;
  }
  | { readonly kind: "mute" }
  | { readonly kind: "stuck" }
  | {
    readonly kind: "flood";
    /** What it consists of; "fragments" are those of one message without an end. */
    readonly of: "messages" | "fragments" | "pings";
    /**
     * How many bytes it has at most.
     *
     * @default {67108864, which is 64 MiB}
     */
    readonly bytes?: number | undefined;
  }
  | {
    readonly kind: "close";
    /**
     * The close code.
     *
     * @default {1000}
     */
    readonly code?: number | undefined;
    /** The reason, at most 123 bytes. */
    readonly reason?: string | undefined;
  }
  | { readonly kind: "never-closes" }
  | {
    readonly kind: "break-off";
    /**
     * How many bytes of the message are sent before.
     *
     * @default {1}
     */
    readonly after?: number | undefined;
    /**
     * Whether the connection is reset, which may destroy what was sent.
     *
     * @default {false}
     */
    readonly reset?: boolean | undefined;
  }
  | {
    readonly kind: "hang-up";
    /**
     * When: on the new connection, on the request, or on the open WebSocket.
     *
     * @default {"request"}
     */
    readonly on?: "connection" | "request" | "open" | undefined;
    /**
     * Whether the connection is reset.
     *
     * @default {false}
     */
    readonly reset?: boolean | undefined;
  }
  | { readonly kind: "echo" };

/**
 * What a {@linkcode MisbehavingClient} does with its server, by `kind`.
 *
 * - `silent` connects and says nothing, not even TLS.
 * - `no-request` speaks TLS, and requests nothing.
 * - `half-request` stops in the middle of the request's head.
 * - `trickle` sends the request byte by byte, one in each `interval`.
 * - `mute`, `stuck`, `flood`, `break-off`, as in {@linkcode Behaviour}: on the
 *   open WebSocket.
 * - `unmasked` sends a message without a mask, which servers must refuse (RFC
 *   6455, section 5.1).
 *
 * @example A client that never finishes its request
 * ```ts
 * import { serve } from "@wss/wss";
 * import { type ClientBehaviour, pester, testCertificates } from "@wss/wss/testing";
 *
 * const tls = await testCertificates();
 * await using server = await serve(
 *   { engine: "node", port: 0, ...tls.server, openTimeout: 200 },
 *   () => {},
 * );
 * const behaviour: ClientBehaviour = { kind: "half-request" };
 * await using client = await pester(server.url, behaviour, tls.client);
 * await client.ended(); // The server hung up.
 * ```
 */
export type ClientBehaviour =
  | { readonly kind: "no-request" }
  | { readonly kind: "half-request" }
  | { readonly kind: "unmasked" }
  | Extract<
    Behaviour,
    { kind: "silent" | "trickle" | "mute" | "stuck" | "flood" | "break-off" }
  >;

const KINDS: Record<Behaviour["kind"], true> = {
  "silent": true,
  "unanswered": true,
  "trickle": true,
  "answer": true,
  "wrong-accept": true,
  "wrong-protocol": true,
  "mute": true,
  "stuck": true,
  "flood": true,
  "close": true,
  "never-closes": true,
  "break-off": true,
  "hang-up": true,
  "echo": true,
};

const CLIENT_KINDS: Record<ClientBehaviour["kind"], true> = {
  "silent": true,
  "no-request": true,
  "half-request": true,
  "trickle": true,
  "mute": true,
  "stuck": true,
  "flood": true,
  "break-off": true,
  "unmasked": true,
};

/** The least and the most that a number may be. */
const RANGES: Record<string, [least: number, most: number]> = {
  interval: [0, 2 ** 31 - 1],
  status: [200, 599],
  bytes: [1, Number.MAX_SAFE_INTEGER],
  code: [0, 65_535],
  after: [0, 2 ** 31 - 1],
};

/**
 * Refuses what is no behaviour.
 *
 * @throws {TypeError} If its kind is none.
 * @throws {RangeError} If a number in it is out of its range, or a reason too long.
 */
export function checkBehaviour(
  behaviour: Behaviour | ClientBehaviour,
  role: "server" | "client",
): void {
  const kinds = Object.keys(role === "server" ? KINDS : CLIENT_KINDS);
  if (!kinds.includes(behaviour.kind)) {
    throw new TypeError(
      `Cannot misbehave as a ${role}: kind ${
        JSON.stringify(behaviour.kind)
      } is none; choose one of ${kinds.join(", ")}`,
    );
  }
  for (const [name, value] of Object.entries(behaviour)) {
    const [least, most] = RANGES[name] ?? [];
    if (least === undefined || most === undefined || value === undefined) {
      continue;
    }
    if (Number.isInteger(value) && value >= least && value <= most) continue;
    throw new RangeError(
      `Cannot misbehave as "${behaviour.kind}": ${name} must be an integer from ${least} to ${most}, current value is ${value}`,
    );
  }
  if (behaviour.kind !== "close" || behaviour.reason === undefined) return;
  const { length } = new TextEncoder().encode(behaviour.reason);
  if (length <= 123) return;
  throw new RangeError(
    `Cannot misbehave as "close": reason must have at most 123 bytes, current length is ${length}`,
  );
}
