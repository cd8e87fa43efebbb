/**
 * A client that gives its server up, and then has nothing left to do.
 *
 * @module
 */

import { connect } from "../../client.ts";
import { print, programOptions } from "./_program.ts";

/** What the program is told. */
export interface GivesUpProgram {
  url: string;
}

if (import.meta.main) {
  const { url } = programOptions<GivesUpProgram>();
  const ws = await connect(url, { closeTimeout: 200, pongTimeout: 200 });
  const message = new Uint8Array(1 << 20);
  try {
    while (true) await ws.send(message);
  } catch {
    print(await ws.closed);
  }
}
