/**
 * A connection of TCP, and nothing on it.
 *
 * @module
 */

import { type Answered, readAnswer } from "../client/read_answer.ts";
import { streamOf } from "../route/dial.ts";
import type { Place } from "../route/place.ts";
import type { ByteStream } from "../route/proxy.ts";
import { isTlsRecord } from "../tls/explain.ts";

/** Bytes in both directions, until it is disposed or a signal aborts. */
export type RawLine = ByteStream & Disposable;

/**
 * Connects.
 *
 * @throws What the runtime says, and the reason of the signal.
 */
export async function connectRaw(
  place: Place,
  signal: AbortSignal,
): Promise<RawLine> {
  const conn = await Deno.connect({ ...place, signal });
  let open = true;
  const cut = () => {
    if (open) conn.close();
    open = false;
  };
  signal.addEventListener("abort", cut, { once: true });
  if (signal.aborted) cut();
  return {
    ...streamOf(conn),
    [Symbol.dispose]() {
      signal.removeEventListener("abort", cut);
      cut();
    },
  };
}

/** Whether a port answers a request without TLS as one should that has none. */
export async function speaksPlainly(
  { place, url }: { readonly place: Place; readonly url: URL },
  signal: AbortSignal,
): Promise<boolean> {
  using line = await connectRaw(place, signal);
  const request =
    `GET / HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n\r\n`;
  await line.write(new TextEncoder().encode(request));
  const answered = await readAnswer(() => line.read());
  return answered.kind === "answer" && !isAboutTls(answered);
}

/** Whether an answer to a request without TLS says that there should have been. */
export function isAboutTls(answered: Answered): boolean {
  if (answered.kind === "answer") {
    return answered.status === 400 &&
      /HTTPS (?:port|server)|SSL-enabled server port/.test(answered.body);
  }
  return answered.kind === "foreign" && isTlsRecord(answered.start);
}
