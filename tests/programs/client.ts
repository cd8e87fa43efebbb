/**
 * A client that holds a connection, or sends without end.
 *
 * @module
 */

import { connect, loadCaCerts } from "../../client.ts";
import { print, programOptions } from "./_program.ts";

/** What the client is told. */
export interface ClientProgram {
  url: string;
  /** The file with the certificate to trust. */
  caFile: string;
  act: "hold" | "pour";
}

if (import.meta.main) {
  const { url, caFile, act } = programOptions<ClientProgram>();
  const ws = await connect(url, { caCerts: await loadCaCerts(caFile) });
  print("connected");
  const message = new Uint8Array(1 << 20);
  while (act === "pour") await ws.send(message);
  await ws.receive();
}
