/**
 * Examinations, and servers to examine.
 *
 * @module
 */

import { serve, type Server } from "../../mod.ts";
import {
  examine,
  type ExamineOptions,
  type Finding,
  type Verdict,
} from "../../src/doctor/mod.ts";

/** What to examine. */
export interface Place {
  url: string;
  options?: ExamineOptions;
}

/** Examines a server, to the end. */
export async function findingsOf(
  { url, options = {} }: Place,
): Promise<Finding[]> {
  return await Array.fromAsync(examine(url, { pings: 3, ...options }));
}

/** The findings of a verdict, as "layer/check". */
export function checksOf(
  findings: readonly Finding[],
  verdict: Verdict,
): string[] {
  return findings.filter((finding) => finding.verdict === verdict).map((
    { layer, check },
  ) => `${layer}/${check}`);
}

/** A server of this module without TLS that sends back what comes, for behind a proxy. */
export async function plainEcho(
  stack: AsyncDisposableStack,
  options: { pingInterval?: number; pongTimeout?: number } = {},
): Promise<Server> {
  return stack.use(
    await serve({ port: 0, logger: {}, ...options }, async (ws) => {
      for await (const message of ws) await ws.send(message);
    }),
  );
}
