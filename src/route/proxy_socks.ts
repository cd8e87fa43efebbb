/**
 * Asking a SOCKS5 proxy to connect (RFC 1928, RFC 1929).
 *
 * @module
 */

import { addressBytes } from "./ip.ts";
import { type Place, placeName } from "./place.ts";
import {
  type Answers,
  credentialsRefusal,
  notAProxy,
  type Refusal,
  Refused,
} from "./proxy_answers.ts";
import type { ProxyRoute } from "./route.ts";

const SOCKS_VERSION = 5;

/** The methods of RFC 1928, section 3. */
const Method = { None: 0, Password: 2, NoneAcceptable: 0xff } as const;

/** What the replies of RFC 1928, section 6, say of the target, by their number. */
const REPLIES: readonly string[] = [
  "connected to",
  "could not connect to",
  "is not allowed to connect to",
  "knows no network that leads to",
  "cannot reach the host of",
  "was refused a connection to",
  "had no answer in time from",
  "does not know the command CONNECT, to",
  "does not know addresses like that of",
];

/** Asks a SOCKS5 proxy; why it refuses, if it does. */
export async function askSocks(
  answers: Answers,
  route: ProxyRoute,
): Promise<Refusal | undefined> {
  const { username, password = "", target } = route;
  const methods = username === undefined
    ? [Method.None]
    : [Method.None, Method.Password];
  await answers.write(Uint8Array.of(SOCKS_VERSION, methods.length, ...methods));
  const [version, method] = await answers.take(2);
  if (version !== SOCKS_VERSION) return notAProxy("SOCKS5");
  if (method === Method.NoneAcceptable) {
    return username === undefined ? credentialsRefusal(route) : {
      state: "takes no user name and password",
      remedy:
        "leave both out of its URL, or let the proxy accept them (RFC 1929)",
    };
  }
  if (!methods.some((offered) => offered === method)) {
    return notAProxy("SOCKS5");
  }
  if (method === Method.Password) {
    await answers.write(
      Uint8Array.of(1, ...prefixed(username ?? ""), ...prefixed(password)),
    );
    const [subversion, status] = await answers.take(2);
    if (subversion !== 1) return notAProxy("SOCKS5");
    if (status !== 0) return credentialsRefusal(route);
  }
  await answers.write(socksRequest(target));
  return await readSocksReply(answers, target);
}

async function readSocksReply(
  answers: Answers,
  target: Place,
): Promise<Refusal | undefined> {
  const [version, reply = 0] = await answers.take(2);
  if (version !== SOCKS_VERSION) return notAProxy("SOCKS5");
  if (reply !== 0) {
    return {
      state: `${REPLIES[reply] ?? "could not connect to"} ${
        placeName(target)
      } (reply ${reply})`,
      remedy: "check host and port, and what the proxy allows and can reach",
    };
  }
  const [reserved, kind] = await answers.take(2);
  if (reserved !== 0) return notAProxy("SOCKS5");
  if (kind === 1) await answers.take(4 + 2);
  else if (kind === 4) await answers.take(16 + 2);
  else if (kind === 3) {
    const [length = 0] = await answers.take(1);
    await answers.take(length + 2);
  } else return notAProxy("SOCKS5");
  return undefined;
}

/** The request to connect (RFC 1928, section 4); names are left to the proxy. */
function socksRequest({ hostname, port }: Place): Uint8Array {
  const bytes = addressBytes(hostname);
  const address = bytes === undefined
    ? [3, ...prefixed(hostname)]
    : [bytes.length === 4 ? 1 : 4, ...bytes];
  return Uint8Array.of(
    SOCKS_VERSION,
    1,
    0,
    ...address,
    port >> 8,
    port & 0xff,
  );
}

/** A text behind the number of its bytes. */
function prefixed(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > 255) {
    throw new Refused({
      state: "cannot be told a name of more than 255 bytes",
      remedy: "use a shorter one",
    });
  }
  return [bytes.length, ...bytes];
}
