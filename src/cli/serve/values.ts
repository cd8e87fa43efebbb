/**
 * The values of the options of `wss serve`, as commander reads them.
 *
 * @module
 */

import type { EngineName } from "../../../server.ts";

/** What a command line of `wss serve` says. */
export interface ServeValues {
  // What is done with the connections; at most one.
  greet?: true;
  echo?: true;
  broadcast?: true;
  exec?: string;
  proxy?: string;
  handler?: string;
  static?: string;

  // Where.
  port?: number;
  hostname?: string;
  unix?: string;

  // TLS.
  cert?: string;
  key?: string;
  plain?: true;
  clientCa?: string;
  clientAuth?: "request" | "require";
  crl?: string[];
  tlsMin?: "1.2" | "1.3";
  watch?: true;

  // Who may connect.
  auth?: string;
  token?: string;
  tokenFrom?: "subprotocol" | "query";
  origin?: string[];
  insecureAnyOrigin?: true;
  subprotocol?: string[];
  trustProxy?: string[];
  proxyHeader?: "x-forwarded" | "forwarded";

  // How.
  engine?: EngineName;
  tcpNoDelay?: true;
  compression?: true;
  heartbeat?: true;
  log: "text" | "json" | "none";
  verbose?: true;

  // Of --exec.
  null?: true;
  binary?: true;
  maxProcesses?: number;

  // Limits and deadlines.
  maxMessage?: number;
  maxConnections?: number;
  maxConnectionsPerIp?: number;
  maxMessagesPerSecond?: number;
  maxMessageBurst?: number;
  maxQueuedMessages?: number;
  maxQueuedBytes?: number;
  sendBuffer?: number;
  maxUnsentBytes?: number;
  openTimeout?: number;
  pingInterval?: number;
  pongTimeout?: number;
  closeTimeout?: number;
  shutdownTimeout: number;
}
