/**
 * The command `wss`: certificates, servers, clients, diagnosis and measurement of
 * encrypted WebSockets.
 *
 * ```sh
 * deno run --allow-net jsr:@wss/wss/cli connect wss://chat.example
 * deno install --global --name wss --allow-net --allow-read --allow-write jsr:@wss/wss/cli
 * ```
 *
 * @module
 */

import { main } from "./program.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
