/**
 * What an answer means that does not open a WebSocket.
 *
 * @module
 */

import { locationOf, shown } from "../client/answer.ts";
import { escaped, quoted } from "../peer_text.ts";
import { found, type More } from "./examination.ts";
import type { Finding } from "./finding.ts";

/** An answer that came. */
interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly body: string;
}

/** How much of a body is shown, in characters. */
const MOST_SHOWN = 120;

/** What passes the upgrade on in nginx. */
const NGINX = [
  String
    .raw`printf '%s\n' 'proxy_http_version 1.1;' 'proxy_set_header Upgrade $http_upgrade;' 'proxy_set_header Connection "upgrade";' | sudo tee /etc/nginx/snippets/websocket.conf`,
  "# then `include snippets/websocket.conf;` beside proxy_pass, and:",
  "sudo nginx -t && sudo nginx -s reload",
];

/** Explains an answer that repeats no secrets. */
export function explainStatus(
  answer: Answer,
  url: URL,
  sent: Headers,
): Finding {
  const { status, statusText, headers, body } = answer;
  const text = statusText === "" ? "" : ` ${quoted(statusText, 40)}`;
  const fault = tlsFault(answer, url);
  if (fault !== undefined) return fault;
  const target = locationOf(status, headers, url);
  const summary = target === undefined
    ? `the server answers ${status}${text} instead of 101`
    : `the server redirects to ${shown(target)} (${status})`;
  const begin = body.replace(/<[^>]*>|\s+/g, " ").replace(/ +/g, " ").trim();
  const said = begin === "" || target !== undefined
    ? {}
    : { reason: `it says ${quoted(begin, MOST_SHOWN)}` };
  return found("http", "upgrade", "failure", summary, {
    ...said,
    ...target === undefined ? remedyOf(answer, sent) : {
      reason: "browsers follow no redirect of a WebSocket",
      remedy: `connect to ${
        shown(target).replace(/^http/, "ws")
      }, or let the server answer at this URL`,
    },
    data: {
      status,
      headers: Object.fromEntries(
        SHOWN_HEADERS.flatMap((name) => {
          const value = headers.get(name);
          return value === null ? [] : [[name, escaped(value, 200)]];
        }),
      ),
    },
  });
}

/** Headers that help, and hold no secrets. */
const SHOWN_HEADERS = [
  "connection",
  "content-type",
  "retry-after",
  "sec-websocket-version",
  "server",
  "upgrade",
  "via",
  "www-authenticate",
];

/** nginx tells only by an answer that it wants a client certificate. */
function tlsFault({ status, body }: Answer, url: URL): Finding | undefined {
  if (status !== 400 || url.protocol !== "wss:") return undefined;
  const wanted = /No required SSL certificate was sent/.test(body);
  if (!wanted && !/The SSL certificate error/.test(body)) return undefined;
  return found(
    "tls",
    "client-certificate",
    "failure",
    wanted
      ? "the server wants a client certificate"
      : "the server refuses the client certificate",
    {
      remedy:
        "pass one that is valid, for clients, and of an authority that the server trusts, as `cert` and `key`",
    },
  );
}

function remedyOf(
  { status, headers, body }: Answer,
  sent: Headers,
): More {
  if (status < 300) {
    return {
      remedy:
        "this is a page and no WebSocket: check the path, and that proxies in between pass Upgrade on",
      fix: isNginx(headers) ? NGINX : [],
    };
  }
  if (status === 401 && sent.has("authorization")) {
    return {
      remedy:
        "the server does not accept `authorization`: check whether it is right, and not out of date",
    };
  }
  const after = headers.get("retry-after");
  if (status === 429 || status === 503) {
    const when = /^\d{1,6}$/.test(after ?? "") ? `after ${after} s` : "later";
    return {
      remedy: status === 429
        ? `the server limits how often one connects: try again ${when}`
        : `the server is overloaded, or what is behind a proxy is down: look at both, and try again ${when}`,
    };
  }
  if (status >= 500) {
    return {
      remedy: status === 502 || status === 504
        ? "the proxy does not reach what is behind it: check that it runs, and its address in the proxy's configuration"
        : "the log of the server tells more",
    };
  }
  // Servers that get the request of a proxy which has dropped both headers.
  const dropped = status === 426 ||
    status === 400 &&
      /upgrade|websocket|handshake|connection header/i.test(body);
  if (dropped) {
    return {
      remedy:
        "let the proxy in between pass the headers Upgrade and Connection on, by HTTP/1.1; nginx does not by itself",
      fix: NGINX,
    };
  }
  return { remedy: REMEDIES[status] ?? "check the URL and the headers" };
}

function isNginx(headers: Headers): boolean {
  return /nginx/i.test(headers.get("server") ?? "");
}

const REMEDIES: Readonly<Record<number, string | undefined>> = {
  400:
    "check the URL and the headers, and what a proxy in between makes of them",
  401: "pass what proves who you are in `headers`: authorization, or a cookie",
  403:
    "check what the headers say of who you are, and whether the server lets this client in",
  404: "check the path of the URL, and which path a proxy in between passes on",
  405: "check the path of the URL: WebSockets begin with GET",
  407:
    "this is a proxy that wants to know who you are; go to the server itself",
  410: "check the path of the URL",
};
