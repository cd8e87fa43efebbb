/**
 * Connects on the strict engine, and tells what came of it.
 *
 * @module
 */

import { connect } from "../../client.ts";

const [url = ""] = Deno.args;
try {
  await using ws = await connect(url, { engine: "node" });
  console.log(ws.open ? "open" : "closed");
} catch (error) {
  console.log(String(error));
}
