/**
 * A network between two programs that can be cut: neither side is told, and
 * what is sent is lost, as when a cable is pulled somewhere between.
 *
 * @module
 */

import { type Relay, relay } from "../src/testing/relay.ts";
import { Program } from "./programs/_program.ts";

/** A network with a client's side and a server's side. */
export interface Network extends AsyncDisposable {
  /** What it is made of. */
  readonly kind: "network namespaces" | "relays";
  /** The host of the server's side. */
  readonly host: string;
  /** Starts a program of `tests/programs` on one side. */
  start(side: "client" | "server", name: string, options: object): Program;
  /** The URL by which the client's side reaches a server. */
  reach(url: string): Promise<string>;
  /** Loses whatever is sent from now on. */
  cut(): Promise<void>;
}

/** Makes the best network that this machine allows. */
export async function network(): Promise<Network> {
  return await Namespaces.make() ?? new Relays();
}

// Addresses for documentation (RFC 5737): nobody has them.
const CLIENT = "192.0.2.1";
const SERVER = "198.51.100.1";
const ROUTER = ["192.0.2.2", "198.51.100.2"] as const;

/**
 * Three namespaces of Linux: a client, a router, a server. A router that does
 * not forward drops packets without a word, and both links stay up.
 */
class Namespaces implements Network {
  readonly kind = "network namespaces";
  readonly host = SERVER;
  readonly #name = `wss-${Deno.pid}`;

  /** Makes them; `undefined` where that takes a program or a right that is not there. */
  static async make(): Promise<Namespaces | undefined> {
    const made = new Namespaces();
    try {
      await made.#build();
      return made;
    } catch {
      await made[Symbol.asyncDispose]();
      return undefined;
    }
  }

  start(side: "client" | "server", name: string, options: object): Program {
    return new Program(name, options, {
      namespace: `${this.#name}-${side}`,
      hosts: [SERVER],
    });
  }

  reach(url: string): Promise<string> {
    return Promise.resolve(url);
  }

  async cut(): Promise<void> {
    await this.#forward(0);
  }

  /** The links go with their namespaces, which live as long as a program in them. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const side of ["client", "router", "server"]) {
      await ip("netns", "del", `${this.#name}-${side}`).catch(() => {});
    }
  }

  async #build(): Promise<void> {
    const router = `${this.#name}-router`;
    await ip("netns", "add", router);
    const sides = [["client", CLIENT], ["server", SERVER]] as const;
    for (const [index, [side, address]] of sides.entries()) {
      const name = `${this.#name}-${side}`;
      const hop = ROUTER[index] ?? "";
      await ip("netns", "add", name);
      await ip(
        "-n",
        name,
        ..."link add up0 type veth peer name".split(" "),
        `down${index}`,
        "netns",
        router,
      );
      await ip("-n", name, "addr", "add", `${address}/24`, "dev", "up0");
      await ip("-n", router, "addr", "add", `${hop}/24`, "dev", `down${index}`);
      await ip("-n", name, "link", "set", "lo", "up");
      await ip("-n", name, "link", "set", "up0", "up");
      await ip("-n", router, "link", "set", `down${index}`, "up");
      await ip("-n", name, "route", "add", "default", "via", hop);
    }
    await this.#forward(1);
  }

  async #forward(value: 0 | 1): Promise<void> {
    const router = `${this.#name}-router`;
    const write = `echo ${value} > /proc/sys/net/ipv4/ip_forward`;
    await ip("netns", "exec", router, "sh", "-c", write);
  }
}

/** Relays on loopback that stop to pass on; the system still takes some bytes. */
class Relays implements Network {
  readonly kind = "relays";
  readonly host = "localhost";
  readonly #relays: Relay[] = [];

  start(_side: "client" | "server", name: string, options: object): Program {
    return new Program(name, options);
  }

  async reach(url: string): Promise<string> {
    const made = await relay(url);
    this.#relays.push(made);
    return made.url;
  }

  cut(): Promise<void> {
    for (const made of this.#relays) made.freeze();
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const made of this.#relays) await made[Symbol.asyncDispose]();
  }
}

async function ip(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
