/**
 * A connection between this module and a peer, held at both ends.
 *
 * @module
 */

import { connect } from "../../client.ts";
import {
  type CommonServeOptions,
  type Connection,
  type EngineName,
  type Handler,
  type Limits,
  serve,
} from "../../server.ts";
import type { Certificates } from "./certificates.ts";
import type { Peer, PeerConnection, PeerServeOptions } from "./peer.ts";

/** Which of ours the peer meets. */
export type Side = "serve()" | "connect()";

/** What both ends are set up with. */
export interface PairOptions {
  /** Limits of our end. */
  limits?: Limits;
  /** The subprotocols that we support or offer. */
  protocols?: string[];
  /** The subprotocols that the peer supports or offers. */
  theirProtocols?: string[];
}

/** A connection at both of its ends; it is gone when the scope ends. */
export interface Pair extends AsyncDisposable {
  ours: Connection;
  theirs: PeerConnection;
}

/** A peer and one of ours that meet as often as is asked for. */
export interface Meeting {
  readonly peer: Peer;
  readonly certificates: Certificates;
  readonly side: Side;
  /** The engine of ours. */
  readonly engine: EngineName;
}

/** Opens a connection between the two. */
export function open(
  meeting: Meeting,
  options: PairOptions = {},
): Promise<Pair> {
  return meeting.side === "serve()"
    ? theyConnect(meeting, options)
    : weConnect(meeting, options);
}

/** The peer connects to our `serve()`. */
async function theyConnect(
  meeting: Meeting,
  { limits, protocols = [], theirProtocols }: PairOptions,
): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const accepted = Promise.withResolvers<Connection>();
  const serveOptions = { ...limits, protocols };
  const handler: Handler = (ws) => {
    accepted.resolve(ws);
    return ws.closed;
  };
  const theirs = await connectPeer(
    stack,
    meeting,
    serveOptions,
    handler,
    theirProtocols,
  );
  return pair(stack, await accepted.promise, theirs);
}

/** We `connect()` to the peer's server. */
async function weConnect(
  meeting: Meeting,
  { limits, protocols = [], theirProtocols }: PairOptions,
): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const url = await servePeer(
    stack,
    meeting,
    theirProtocols === undefined ? {} : { protocols: theirProtocols },
  );
  const { caCerts } = meeting.certificates;
  const { engine } = meeting;
  const ours = await connect(url, { engine, ...limits, protocols, caCerts });
  return pair(stack, ours, await meeting.peer.accept());
}

/** Lets the peer serve; returns the URL of its server. */
export async function servePeer(
  stack: AsyncDisposableStack,
  { peer, certificates }: Meeting,
  options: Omit<PeerServeOptions, "cert" | "key">,
): Promise<string> {
  const { certFile: cert, keyFile } = certificates;
  const key = keyFile === undefined ? {} : { key: keyFile };
  const port = await peer.serve({ cert, ...key, ...options });
  stack.defer(() => peer.stop());
  return `wss://localhost:${port}`;
}

/** Serves, and lets the peer connect to that. */
export async function connectPeer(
  stack: AsyncDisposableStack,
  { peer, certificates, engine }: Meeting,
  options: CommonServeOptions,
  handler: Handler,
  protocols?: string[],
): Promise<PeerConnection> {
  const { chain, caFile } = certificates;
  const server = await serve(
    { engine, port: 0, ...chain, ...options },
    handler,
  );
  stack.use(server);
  const theirs = await peer.connect(server.url, {
    ca: caFile,
    ...(protocols === undefined ? {} : { protocols }),
  });
  stack.defer(() => theirs.drop());
  return theirs;
}

function pair(
  stack: AsyncDisposableStack,
  ours: Connection,
  theirs: PeerConnection,
): Pair {
  stack.defer(async () => {
    await theirs.drop();
    await ours.closed;
  });
  const end = stack.move();
  return { ours, theirs, [Symbol.asyncDispose]: () => end.disposeAsync() };
}
