/**
 * User names in URLs, "wss://ada:secret@chat.example", and what they are for.
 *
 * @module
 */

const encoder = new TextEncoder();

/** A URL without user name and password, and the headers that they became. */
export interface Authorized {
  readonly url: URL;
  readonly headers: Headers;
}

/**
 * Makes an `authorization` header of user name and password (RFC 7617), unless
 * there is one; clients differ in what they do with them in a URL.
 *
 * @throws {TypeError} If they cannot be sent so.
 */
export function takeUserinfo(url: URL, headers: Headers): Authorized {
  if (url.username === "" && url.password === "") return { url, headers };
  const username = decode(url.username, "user name");
  const password = decode(url.password, "password");
  if (username.includes(":")) {
    throw malformed("user name", "has a colon, which would end it");
  }
  const bare = new URL(url);
  bare.username = bare.password = "";
  const all = new Headers(headers);
  if (!all.has("authorization")) {
    const bytes = encoder.encode(`${username}:${password}`);
    all.set("authorization", `Basic ${btoa(String.fromCharCode(...bytes))}`);
  }
  return { url: bare, headers: all };
}

function decode(text: string, what: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw malformed(what, "has a % that begins no character of UTF-8");
  }
  // deno-lint-ignore no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(decoded)) {
    throw malformed(what, "has a control character (RFC 7617, section 2)");
  }
  return decoded;
}

function malformed(what: string, state: string): TypeError {
  return new TypeError(
    `Cannot connect: the ${what} in the URL ${state}; pass \`headers: { authorization: … }\` instead`,
  );
}
