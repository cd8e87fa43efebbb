/**
 * What proxies answer, read within bounds, and why they refuse.
 *
 * @module
 */

import type { ProxyRoute } from "./route.ts";

/** A connection to a proxy. */
export interface ByteStream {
  /** What comes next, some bytes at least; `null` once the proxy has hung up. */
  read(): Promise<Uint8Array | null>;
  /** Writes all of it. */
  write(bytes: Uint8Array): Promise<void>;
}

/** The longest head of an answer that is read, in bytes. */
const MAX_HEAD = 16_384;

/** Why there is no way through a proxy. */
export interface Refusal {
  /** What the proxy does or is, as the end of a sentence. */
  readonly state: string;
  readonly remedy: string;
  /** The `reason` of the error, if that is not "proxy". */
  readonly reason?: "proxy" | "proxy-login";
}

/** Its user name and password are missing, or wrong. */
export function credentialsRefusal(route: ProxyRoute): Refusal {
  const reason = "proxy-login";
  return route.username === undefined
    ? {
      reason,
      state: "wants a user name and a password",
      remedy:
        'pass them in its URL, `proxy: "SCHEME://USER:PASSWORD@HOST:PORT"`, percent-encoded',
    }
    : {
      reason,
      state: "refuses the user name or the password",
      remedy: "check both in the URL of the option `proxy`, percent-encoded",
    };
}

/** It says nothing any more. */
export const HUNG_UP: Refusal = {
  state: "hung up before it answered",
  remedy: "check the kind of proxy, its port, and whom it lets in",
};

/** It is no proxy of this kind. */
export function notAProxy(what: string): Refusal {
  return {
    state: `does not speak ${what}`,
    remedy:
      "check its port and the scheme of its URL: http, https, socks5 or socks5h",
  };
}

/** Carries a refusal up from where an answer is read. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.state);
    this.refusal = refusal;
  }
}

/** What a proxy says, as far as it was asked for. */
export class Answers {
  readonly #stream: ByteStream;
  #unread: Uint8Array = new Uint8Array();
  /** How many bytes of heads were read. */
  #headBytes = 0;

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#stream.write(bytes);
  }

  /** The next `count` bytes. */
  async take(count: number): Promise<Uint8Array> {
    while (this.#unread.length < count) await this.#more();
    return this.#cut(count);
  }

  /** The next head of HTTP, without its last line end. */
  async takeHead(): Promise<string> {
    while (true) {
      const room = MAX_HEAD - this.#headBytes;
      // One character a byte, so that what is found here is found there.
      const text = String.fromCharCode(...this.#unread.subarray(0, room));
      // What is no HTTP may have no line end, which would be waited for.
      if (!"HTTP/1.".startsWith(text.slice(0, 7))) {
        throw new Refused(notAProxy("HTTP"));
      }
      const end = /\r?\n\r?\n/.exec(text);
      if (end !== null) {
        const length = end.index + end[0].length;
        this.#headBytes += length;
        this.#cut(length);
        return text.slice(0, end.index);
      }
      if (text.length === room) {
        throw new Refused({
          state: `answers with a head of more than ${MAX_HEAD} bytes`,
          remedy: "check that it is a proxy",
        });
      }
      await this.#more();
    }
  }

  /** What speaks against a proxy that said more than it was asked for. */
  surplus(): Refusal | undefined {
    return this.#unread.length === 0 ? undefined : {
      state: "sends data before the server can have",
      remedy:
        "use another proxy: this one mixes its own words into connections",
    };
  }

  #cut(count: number): Uint8Array {
    const bytes = this.#unread.subarray(0, count);
    this.#unread = this.#unread.subarray(count);
    return bytes;
  }

  async #more(): Promise<void> {
    const chunk = await this.#stream.read();
    if (chunk === null) throw new Refused(HUNG_UP);
    const all = new Uint8Array(this.#unread.length + chunk.length);
    all.set(this.#unread);
    all.set(chunk, this.#unread.length);
    this.#unread = all;
  }
}
