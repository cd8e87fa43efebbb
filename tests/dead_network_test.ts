import { assert, assertEquals } from "@std/assert";
import { testCertificates } from "../src/testing/certificates.ts";
import { ENGINES } from "./_engines.ts";
import { network } from "./_network.ts";
import type {
  DeadClient,
  DeadClients,
  DeadServers,
  Loss,
} from "./programs/dead_network.ts";
import type { Program } from "./programs/_program.ts";

const INTERVAL = 300;
const PONG = 300;
/** How much later it may be: two looks at the state of things, and a slow machine. */
const SLACK = 150 + 750;
/** How long after the cut a loss is waited for. */
const TIME = INTERVAL + PONG + SLACK;

/** The clients, and within how many milliseconds each notices that the network is dead. */
const CLIENTS: readonly (Omit<DeadClient, "url"> & { within: number })[] = [
  {
    name: "built-in, with heartbeat",
    options: { heartbeat: { interval: INTERVAL }, pongTimeout: PONG },
    within: INTERVAL + PONG,
  },
  {
    name: "built-in, sends more than the system takes",
    options: { pongTimeout: PONG },
    sends: 1 << 20,
    within: PONG,
  },
  {
    name: "built-in, sends a little",
    options: { pongTimeout: PONG },
    sends: 10,
    within: Infinity,
  },
  {
    name: "built-in, idle",
    options: { pongTimeout: PONG },
    within: Infinity,
  },
  {
    name: "strict",
    options: { engine: "node", pingInterval: INTERVAL, pongTimeout: PONG },
    within: INTERVAL + PONG,
  },
  {
    name: "strict, with heartbeat",
    options: {
      engine: "node",
      heartbeat: { interval: INTERVAL },
      pongTimeout: PONG,
    },
    within: INTERVAL + PONG,
  },
  {
    name: "strict, without pings",
    options: { engine: "node", pingInterval: 0, pongTimeout: PONG },
    within: Infinity,
  },
];

/** Reads what a side lost, until so many losses came, or a list ends them. */
async function losses(side: Program, count: number): Promise<Loss[]> {
  const lost: Loss[] = [];
  while (lost.length < count) {
    const line = await side.next<Loss | string[]>();
    if (Array.isArray(line)) break;
    lost.push(line);
  }
  return lost;
}

Deno.test("connect() and serve() notice a dead network within interval and pongTimeout, on both engines", async (t) => {
  await using wire = await network();
  const { server: chain, client: { caCerts } } = await testCertificates({
    names: [wire.host],
  });
  const listen: DeadServers = {
    side: "server",
    hostname: wire.host,
    ...chain,
    pingInterval: INTERVAL,
    pongTimeout: PONG,
  };
  await using servers = wire.start("server", "dead_network", listen);
  const clients: DeadClient[] = [];
  const urls = await servers.next<string[]>();
  for (const [index, engine] of ENGINES.entries()) {
    const url = await wire.reach(urls[index] ?? "");
    for (const { within: _, name, ...client } of CLIENTS) {
      clients.push({ ...client, url, name: `${name}, to ${engine}` });
    }
  }
  const dial: DeadClients = {
    side: "client",
    caCerts: [...caCerts],
    clients,
    time: TIME + 1000,
  };
  await using dialled = wire.start("client", "dead_network", dial);
  assertEquals(await dialled.next(), "open");
  // Nothing may be lost while the network lives.
  await new Promise((next) => setTimeout(next, 2 * (INTERVAL + PONG) - 300));
  await wire.cut();
  const cutAt = performance.timeOrigin + performance.now();
  const [onServers, onClients] = await Promise.all([
    losses(servers, clients.length),
    losses(dialled, clients.length),
  ]);

  for (const [index, engine] of ENGINES.entries()) {
    for (const { name, within } of CLIENTS) {
      const whole = `${name}, to ${engine}`;
      await t.step(`client: ${whole}, by ${wire.kind}`, () => {
        check(onClients.find((loss) => loss.name === whole), within);
      });
      await t.step(`server: ${ENGINES[index]}, of ${name}`, () => {
        const loss = onServers.find((loss) => loss.name === whole);
        check(loss, INTERVAL + PONG);
      });
    }
  }

  function check(loss: Loss | undefined, within: number): void {
    if (within === Infinity) return assertEquals(loss, undefined);
    assert(loss !== undefined, "it was not noticed");
    const took = loss.at - cutAt;
    assertEquals(loss.code, 1006);
    assert(took > 0 && took < within + SLACK, `${took} ms`);
  }
});
