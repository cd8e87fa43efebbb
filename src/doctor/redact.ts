/**
 * Keeps what a client was given to show, such as a token, out of what is told of
 * an answer: servers repeat it in their complaints.
 *
 * @module
 */

/** What is sent. */
interface Sent {
  readonly headers: Headers;
  readonly url: URL;
}

/** What came. */
interface Told {
  readonly statusText: string;
  readonly headers: Headers;
  readonly body: string;
}

/** Shorter ones are no secrets, and would tear holes into every text. */
const LEAST = 4;

/** What no secret is, and servers ask for. */
const SCHEME = /^(?:basic|bearer|digest|negotiate|token)$/i;

/** What stands in its place; values of headers are in ASCII. */
const HIDDEN = "***";

/** An answer that repeats nothing of what was sent in headers and the query. */
export function redacted<Answer extends Told>(
  answer: Answer,
  sent: Sent,
): Answer {
  const secrets = secretsOf(sent);
  const hide = (text: string) => hidden(text, secrets);
  const headers = new Headers();
  for (const [name, value] of answer.headers) headers.append(name, hide(value));
  return {
    ...answer,
    statusText: hide(answer.statusText),
    headers,
    body: cutHidden(hide(answer.body), secrets),
  };
}

/** All that was sent that may be secret, in the forms that come back; the longest first. */
function secretsOf({ headers, url }: Sent): string[] {
  const values = [
    ...[...headers].flatMap(([, value]) => {
      // What stands behind "Bearer", and each cookie.
      const parts = value.split(/[\s;,]+/).filter((part) => !SCHEME.test(part));
      const bare = parts.map((part) => part.replace(/^[^=]*=/, ""));
      return [value, ...parts, ...bare, ...loginOf(value)];
    }),
    url.search.slice(1),
    ...url.search.slice(1).split("&").map((part) =>
      part.replace(/^[^=]*=/, "")
    ),
    ...url.searchParams.values(),
  ];
  const forms = values.flatMap((value) => [
    value,
    encodeURIComponent(value),
    JSON.stringify(value).slice(1, -1),
    value.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
      .replaceAll('"', "&quot;"),
  ]);
  return [...new Set(forms)].filter((form) => form.length >= LEAST)
    .sort((a, b) => b.length - a.length);
}

/** User and password of "Basic" (RFC 7617). */
function loginOf(value: string): string[] {
  const encoded = /^basic\s+(\S+)$/i.exec(value)?.[1];
  if (encoded === undefined) return [];
  try {
    const login = new TextDecoder().decode(Uint8Array.fromBase64(encoded));
    const colon = login.indexOf(":");
    return [login, login.slice(0, colon), login.slice(colon + 1)];
  } catch {
    return [];
  }
}

function hidden(text: string, secrets: readonly string[]): string {
  for (const secret of secrets) text = text.replaceAll(secret, HIDDEN);
  return text;
}

/** A body may have been cut within a secret. */
function cutHidden(text: string, secrets: readonly string[]): string {
  for (const secret of secrets) {
    for (let size = secret.length - 1; size >= LEAST; size--) {
      if (!text.endsWith(secret.slice(0, size))) continue;
      return text.slice(0, -size) + HIDDEN;
    }
  }
  return text;
}
