/**
 * Connects once with each of the options in a file, and tells what came of it;
 * a second file has authorities that the program gives to its runtime.
 *
 * @module
 */

import { setDefaultCACertificates } from "node:tls";
import { connect, type ConnectOptions, TlsError } from "../../client.ts";

const [url = "", file = "", authorities] = Deno.args;
if (authorities !== undefined) {
  setDefaultCACertificates([await Deno.readTextFile(authorities)]);
}
const asked: ConnectOptions[] = JSON.parse(await Deno.readTextFile(file));
const results: string[] = [];
for (const options of asked) {
  try {
    await using ws = await connect(url, options);
    results.push(ws.open ? "open" : "closed");
  } catch (error) {
    results.push(error instanceof TlsError ? error.reason : String(error));
  }
}
console.log(JSON.stringify(results));
