/**
 * Whether connections come about.
 *
 * @module
 */

import { isIP } from "node:net";
import { explainNetwork } from "../route/network_failure.ts";
import { type Place, placeName } from "../route/place.ts";
import { isLate } from "./bounds.ts";
import { unknown } from "./check_name.ts";
import { type Examination, found, shownTime, step } from "./examination.ts";
import type { Finding } from "./finding.ts";

/** How many addresses are tried. */
const MAX_ADDRESSES = 8;

/** What became of one address. */
interface Tried {
  readonly address: string;
  /** How long it took, in milliseconds. */
  readonly took: number;
  readonly error?: unknown;
}

/**
 * Connects to each address.
 *
 * @returns Where it went well first; `undefined` if nowhere.
 */
export async function* examineTcp(
  examination: Examination,
  addresses: readonly string[],
): AsyncGenerator<Finding, Place | undefined> {
  const { place: { hostname, port } } = examination;
  let tried: Tried[] = [];
  for (const address of addresses.slice(0, MAX_ADDRESSES)) {
    tried.push(await tryAddress(examination, { hostname: address, port }));
  }
  const denied = ({ error }: Tried) => error instanceof Deno.errors.NotCapable;
  if (tried.every(denied)) {
    // The permission may be for the name alone.
    tried = [await tryAddress(examination, { hostname, port })];
    if (tried.some(denied)) throw tried[0]?.error;
  }
  tried = tried.filter((one) => !denied(one));
  const good = tried.find(({ error }) => error === undefined);
  for (const one of tried) {
    if (one.error === undefined || good === undefined) continue;
    yield lame(one, good, examination);
  }
  if (good === undefined) {
    const [first] = tried;
    yield isIP(hostname) === 0 && /lookup|dns/.test(`${first?.error}`)
      ? unknown(hostname, first?.error)
      : unreachable(tried, port);
    return undefined;
  }
  yield found(
    "tcp",
    "connect",
    "ok",
    `${placeName({ hostname: good.address, port })} takes connections, in ${
      shownTime(good.took)
    }`,
    { data: { address: good.address, port, ms: good.took } },
  );
  return { hostname: good.address, port };
}

async function tryAddress(
  examination: Examination,
  place: Place,
): Promise<Tried> {
  const { signal, timeout } = examination;
  const address = place.hostname;
  const begun = performance.now();
  try {
    await step({ signal, timeout }, async (signal) => {
      (await Deno.connect({ ...place, signal })).close();
    });
    return { address, took: performance.now() - begun };
  } catch (error) {
    signal?.throwIfAborted();
    return { address, took: performance.now() - begun, error };
  }
}

/** An address that does not answer while another one does. */
function lame(one: Tried, good: Tried, { hostname }: Examination): Finding {
  const local = hostname === "localhost" && isRefused(one.error);
  return found(
    "tcp",
    "address",
    local ? "info" : "warning",
    `${one.address} ${stateOf(one)}, while ${good.address} answers`,
    {
      reason: local
        ? "clients try the next address at once"
        : "clients that try this address first wait for it, or give up",
      ...!local && {
        remedy:
          "let the server listen on it, too, or take its record out of the DNS",
      },
      data: { address: one.address, ms: one.took },
    },
  );
}

function unreachable(tried: readonly Tried[], port: number): Finding {
  const states = tried.map((one) =>
    `${placeName({ hostname: one.address, port })} ${stateOf(one)}`
  );
  const refused = tried.every(({ error }) => isRefused(error));
  const late = tried.every(({ error }) => isLate(error));
  return found("tcp", "connect", "failure", states.join(", "), {
    reason: refused
      ? "the machine is there, and nothing listens on this port"
      : late
      ? "most often a firewall drops what is sent there, or the machine is off"
      : undefined,
    remedy: refused
      ? `start the server, check the port${
        tried.every(({ address }) => /^(?:127\.|::1$|localhost$)/.test(address))
          ? ""
          : ", and that it listens on this address and not on 127.0.0.1 alone"
      }`
      : "check the address, and the networks and firewalls in between",
    data: { addresses: tried.map(({ address }) => address), port },
  });
}

function stateOf({ error, took }: Tried): string {
  if (isLate(error)) return `does not answer within ${shownTime(took)}`;
  if (isRefused(error)) return "refuses connections";
  return "cannot be reached";
}

function isRefused(error: unknown): boolean {
  const said = error instanceof Error ? error.message : "";
  return explainNetwork("", said, error, {})?.reason === "refused";
}
