/**
 * The ports between servers and clients and the engines that listen and dial
 * for them.
 *
 * @module
 */

import type { Route } from "./route/route.ts";
import type { ClientTrust } from "./tls/trust.ts";
import type { PeerCertificate } from "./tls/peer_certificate.ts";
import type { CertChain } from "./tls/pem.ts";
import type { Logger } from "./logger.ts";
import type { Connection, Opening, Shared } from "./connection.ts";

/** Where to listen. */
export type Listen =
  | { hostname: string; port: number }
  | { hostname: string; port: number; cert: string; key: string }
  | { path: string };

/** What came in, before anybody looked at it. */
export interface Incoming {
  readonly request: Request;
  readonly remoteAddr: Deno.Addr;
  /** Whether TLS ends at this process. */
  readonly secure: boolean;
  /** When its connection came, as `performance.now()` tells it, if that is known. */
  readonly since?: number | undefined;
  /** The client's certificate, verified. */
  readonly peerCertificate?: PeerCertificate | undefined;
}

/** What an engine does with connections that are let in. */
export interface Acceptor<Context> {
  /** What all its connections share. */
  readonly shared: Shared;
  /** How long a connection may take to open, in milliseconds. */
  readonly openTimeout: number;
  /** Called when a connection is open. */
  onopen(connection: Connection<Context>): void;
  /** Called when a client that was let in is gone before that. */
  ongone(opening: Opening<Context>): void;
  /** Hears what the engine failed of, besides single connections. */
  onfail(error: unknown): void;
}

/** What an engine needs to listen. */
export interface ListenTask<Context> extends Acceptor<Context> {
  readonly where: Listen;
  readonly logger: Logger;
  /** Answers a request: with a response, or with what a WebSocket opens with. */
  answer(
    incoming: Incoming,
  ): Response | Opening<Context> | Promise<Response | Opening<Context>>;
}

/** What can be changed of the TLS of a server that listens. */
export interface TlsChange {
  readonly chain?: CertChain;
  readonly certificates?: Readonly<Record<string, CertChain>>;
  readonly clientCa?: readonly string[];
  readonly crl?: readonly string[];
}

/** Listens, and answers what comes. */
export type Engine = <Context>(
  task: ListenTask<Context>,
) => Promise<Listener> | Listener;

/** A listener that answers requests. */
export interface Listener {
  readonly addr: Deno.Addr;
  /** Takes other certificates from the next handshake on. */
  reload?(change: TlsChange): Promise<void>;
  /** Ends at the latest in `ms`; until then, what is being answered may be. */
  stop(ms: number): Promise<void>;
}

/**
 * What an attempt to connect waits for: for the address of a name, for the
 * connection of TCP, for either of them, for a proxy, for TLS, for the answer to
 * the request, or for a second look at why it failed.
 */
export type OpenStep =
  | "name"
  | "tcp"
  | "name or tcp"
  | "proxy"
  | "tls"
  | "request"
  | "look";

/** What an engine needs to open a connection to a server. */
export interface OpenTask {
  readonly url: URL;
  /** How to get there. */
  readonly route: Route;
  readonly protocols: readonly string[];
  readonly headers: Headers;
  readonly trust: ClientTrust;
  readonly shared: Shared;
  /** Aborts when nobody waits any more; its reason is what to reject with. */
  readonly signal: AbortSignal;
  /** What cannot be done if it fails: "Cannot connect to wss://localhost:8765". */
  readonly action: string;
  /** When nobody waits any more, as `performance.now()` tells it. */
  readonly deadline: number;
  /** Whether the server may be asked once more why a connection failed. */
  readonly diagnose: boolean;
  /** Notes what is waited for from now on; at the deadline it is told. */
  reach(step: OpenStep): void;
}

/** Opens a connection, or rejects with what of `errors.ts` tells why not. */
export type Opener = (task: OpenTask) => Promise<Connection>;
