/**
 * The greeting server: it is told a name and answers "Hello NAME!".
 *
 * @module
 */

import {
  CloseCode,
  type Connection,
  loadCertChain,
  serve,
  type Server,
} from "../../../server.ts";
import { print, visible } from "../output.ts";
import type { Mode } from "./mode.ts";

/** The longest name, in bytes. */
export const MAX_NAME_SIZE = 1024;

/** Where and with what a greeting server listens. */
export interface GreetingOptions {
  hostname: string;
  port: number;
  cert: string;
  key?: string | undefined;
}

/** Starts to greet whoever connects; `say` is told each name and each answer. */
export async function startGreeting(
  { hostname, port, cert, key }: GreetingOptions,
  say: (line: string) => void = print,
): Promise<Server> {
  const chain = await loadCertChain(cert, key);
  const options = { hostname, port, ...chain, maxMessageSize: MAX_NAME_SIZE };
  return await serve(options, (ws) => greet(ws, say));
}

/** The mode `--greet`. */
export function greetMode(say: (line: string) => void): Mode {
  return {
    title: 'is told a name and answers "Hello NAME!"',
    handler: (ws) => greet(ws, say),
  };
}

async function greet(
  ws: Connection,
  say: (line: string) => void,
): Promise<void> {
  const name = await ws.receive();
  if (typeof name !== "string") {
    await ws.close(CloseCode.UnsupportedData, "a name is text");
    return;
  }
  say(`<<< ${visible(name)}`);
  const greeting = `Hello ${name}!`;
  await ws.send(greeting);
  say(`>>> ${visible(greeting)}`);
}
