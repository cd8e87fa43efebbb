/**
 * What an examination finds: one thing at a time, by layer.
 *
 * @module
 */

/**
 * The layers of a secure WebSocket, from below: the name of the host, the
 * connection of TCP, TLS and its certificates, the HTTP upgrade, messages of
 * the WebSocket, its closing, and what happens while nothing is said.
 *
 * @example The lowest layer that fails
 * ```ts
 * import { examine, type Layer } from "@wss/wss/doctor";
 * import { misbehave } from "@wss/wss/testing";
 *
 * await using server = await misbehave({ kind: "wrong-accept" });
 * let failing: Layer | undefined;
 * for await (const { layer, verdict } of examine(server.url, server.client)) {
 *   if (verdict === "failure") failing ??= layer;
 * }
 * console.log(failing); // "http"
 * ```
 */
export type Layer =
  | "name"
  | "tcp"
  | "tls"
  | "http"
  | "websocket"
  | "close"
  | "idle";

/**
 * What came of a check. A `"failure"` keeps clients out, a `"warning"` is worth
 * mending, `"info"` is neither good nor bad, and `"skipped"` says why.
 *
 * @example How many there are of each
 * ```ts
 * import { examine, type Verdict } from "@wss/wss/doctor";
 * import { misbehave } from "@wss/wss/testing";
 *
 * await using server = await misbehave({ kind: "echo" });
 * const counts = new Map<Verdict, number>();
 * for await (const { verdict } of examine(server.url, server.client)) {
 *   counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
 * }
 * console.log(counts.get("failure") ?? 0); // 0
 * ```
 */
export type Verdict = "ok" | "info" | "warning" | "failure" | "skipped";

/**
 * What a check found.
 *
 * @example A line for each
 * ```ts
 * import { examine, type Finding } from "@wss/wss/doctor";
 * import { misbehave } from "@wss/wss/testing";
 *
 * function line({ layer, check, verdict, summary, remedy }: Finding): string {
 *   return `${verdict} ${layer}/${check}: ${summary}${remedy ? `; ${remedy}` : ""}`;
 * }
 * await using server = await misbehave({ kind: "answer", status: 404 });
 * for await (const finding of examine(server.url, server.client)) console.log(line(finding));
 * ```
 */
export interface Finding {
  /** The layer that was looked at. */
  readonly layer: Layer;
  /** The check: a short name that stays the same, such as `"certificate-names"`. */
  readonly check: string;
  /** What came of it. */
  readonly verdict: Verdict;
  /** One sentence of what was found, without a period. */
  readonly summary: string;
  /** Why that is so, or matters. */
  readonly reason?: string | undefined;
  /** What to do about it, in one sentence. */
  readonly remedy?: string | undefined;
  /** Command lines that mend it, for a shell. */
  readonly fix?: readonly string[] | undefined;
  /** The figures and names behind the summary, for programs. */
  readonly data?: Readonly<Record<string, unknown>> | undefined;
}
