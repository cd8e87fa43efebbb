/**
 * All that is measured.
 *
 * @module
 */

import type { Case } from "../case.ts";
import { broadcast, handshakes, idle, idleCrowd } from "./crowd.ts";
import { clientEchoes, serverEchoes } from "./echo.ts";
import { burst, latency } from "./small.ts";
import { graph, startUp } from "./start.ts";

/** The cases, in the order of reports. */
export const CASES: readonly Case[] = [
  ...serverEchoes,
  latency,
  burst,
  handshakes,
  broadcast,
  idle,
  idleCrowd,
  startUp,
  graph,
  ...clientEchoes,
];
