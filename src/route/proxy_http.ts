/**
 * Asking an HTTP proxy to connect (RFC 9110, section 9.3.6).
 *
 * @module
 */

import { placeName } from "./place.ts";
import {
  type Answers,
  credentialsRefusal,
  notAProxy,
  type Refusal,
} from "./proxy_answers.ts";
import type { ProxyRoute } from "./route.ts";

/** Asks an HTTP proxy; why it refuses, if it does. */
export async function askHttp(
  answers: Answers,
  route: ProxyRoute,
): Promise<Refusal | undefined> {
  const target = placeName(route.target);
  const lines = [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`];
  const { username, password = "" } = route;
  if (username !== undefined) {
    const credentials = new TextEncoder().encode(`${username}:${password}`);
    const encoded = btoa(String.fromCharCode(...credentials));
    lines.push(`Proxy-Authorization: Basic ${encoded}`);
  }
  await answers.write(
    new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`),
  );
  while (true) {
    const head = await answers.takeHead();
    const status = Number(
      /^HTTP\/1\.[01] (\d{3})(?:[ \r\n]|$)/.exec(head)?.[1] ?? 0,
    );
    // Interim answers may come first (RFC 9110, section 15.2).
    if (status >= 100 && status < 200 && status !== 101) continue;
    // Whatever its headers say of a body, there is none (section 9.3.6).
    if (status >= 200 && status < 300) return undefined;
    return httpRefusal(head, status, route);
  }
}

function httpRefusal(
  head: string,
  status: number,
  route: ProxyRoute,
): Refusal {
  const target = placeName(route.target);
  // Some say 401 where 407 is meant.
  if (status === 407 || status === 401) {
    const ways = [...head.matchAll(/^proxy-authenticate:[ \t]*([^\s,]+)/gim)];
    return ways.length === 0 || ways.some(([, way]) => /^basic$/i.test(way!))
      ? credentialsRefusal(route)
      : {
        state: "wants another way to log in than Basic",
        remedy: "let it accept Basic, or use another proxy",
      };
  }
  if (status === 403) {
    return {
      state: `refuses to connect to ${target} (status 403)`,
      remedy: "let its rules allow this host and port",
    };
  }
  if (status >= 500 && status !== 501) {
    return {
      state: `could not connect to ${target} (status ${status})`,
      remedy: "check host and port, and what the proxy can reach",
    };
  }
  if (status === 0) return notAProxy("HTTP");
  return {
    state: `does not connect to ${target} (status ${status})`,
    remedy: "check that it is a proxy, and that it allows CONNECT",
  };
}
