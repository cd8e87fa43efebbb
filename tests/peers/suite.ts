/**
 * One suite of behaviour for every WebSocket library that can be driven as a
 * {@linkcode Peer}: as client and as server, with each kind of certificate.
 *
 * @module
 */

import type { EngineName } from "../../server.ts";
import { type Kind, makeCertificates } from "./certificates.ts";
import { closeSteps } from "./close_steps.ts";
import { handshakeSteps } from "./handshake_steps.ts";
import { messageSteps } from "./message_steps.ts";
import type { Meeting, Side } from "./pair.ts";
import { Peer } from "./peer.ts";

/** One behaviour. */
export interface Step {
  name: string;
  /** Where it can be seen; without it, on both sides. */
  side?: Side;
  run(meeting: Meeting): Promise<void>;
}

/** A library and what starts it. */
export interface Library {
  name: string;
  /** What is not installed of it, if anything is missing. */
  missing: string | undefined;
  command: readonly [string, ...string[]];
  /** Behaviours that other libraries don't share. */
  steps?: Step[];
}

const SIDES: [side: Side, does: string, engine: EngineName][] = [
  ["serve()", "as a client meets serve() [deno]", "deno"],
  ["serve()", "as a client meets serve() [node]", "node"],
  ["connect()", "as a server meets connect() [deno]", "deno"],
  ["connect()", "as a server meets connect() [node]", "node"],
];

const KINDS: [kind: Kind, means: string][] = [
  ["generated", "with generated certificates"],
  ["openssl", "with a self-signed certificate of OpenSSL"],
];

/**
 * Declares a test that is ignored where something is missing, and that fails
 * there instead under CI.
 */
export function testWith(
  missing: string | undefined,
  name: string,
  fn: (t: Deno.TestContext) => Promise<void>,
): void {
  const ignore = missing !== undefined && Deno.env.get("CI") !== "true";
  const reason = missing === undefined ? "" : ` (${missing} is not installed)`;
  Deno.test({ name: name + reason, ignore, fn });
}

/** Declares the tests of a library. */
export function testLibrary(library: Library): void {
  const { name, missing, command, steps = [] } = library;
  const all = [...handshakeSteps, ...messageSteps, ...closeSteps, ...steps];
  for (const [side, does, engine] of SIDES) {
    const mine = all.filter((step) => (step.side ?? side) === side);
    for (const [kind, means] of KINDS) {
      testWith(missing, `${name} ${does} ${means}`, async (t) => {
        await using certificates = await makeCertificates(kind);
        await using peer = new Peer(command);
        const meeting = { peer, certificates, side, engine };
        for (const { name, run } of mine) {
          await t.step(name, () => run(meeting));
        }
      });
    }
  }
}

/** Runs a command to its end, and says whether it could and went well. */
export function succeeds(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
