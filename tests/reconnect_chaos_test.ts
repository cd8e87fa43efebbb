import { assert, assertEquals } from "@std/assert";
import {
  connect,
  type Connection,
  keepConnected,
  type ReconnectingConnection,
  type ReconnectStatus,
} from "../mod.ts";
import { Dice } from "./attacks/_mutate.ts";
import { devCertificates } from "./_certs.ts";
import { test } from "./_engines.ts";
import type { AcknowledgesProgram } from "./programs/acknowledges.ts";
import { Program } from "./programs/_program.ts";

/** How often the server is killed, and within how many milliseconds once it serves. */
const KILLS = 50;
const LIFE = 200;

/** How many messages wait to be acknowledged at most. */
const WINDOW = 64;

/** How long no acknowledgement may come, in milliseconds: longer than pings take to notice a loss. */
const PATIENCE = 50_000;

const DELAYS = { minDelay: 5, maxDelay: 50, stableAfter: 50 };

const SEED = Number(
  Deno.env.get("WSS_CHAOS_SEED") ??
    crypto.getRandomValues(new Uint32Array(1))[0],
);

/** Kills the server again and again at moments of chance; the last one stays. */
async function reign(
  options: AcknowledgesProgram,
  dice: Dice,
): Promise<Program> {
  for (let kills = 0; kills < KILLS; kills++) {
    await using program = new Program("acknowledges", options);
    // Now and then before it serves.
    if (dice.roll(10) > 0) await program.next();
    await sleep(dice.roll(LIFE));
    program.kill();
  }
  return new Program("acknowledges", options);
}

/** What was sent and what was acknowledged, as the messages themselves tell. */
class Ledger {
  /** How many were given to `send()`: the numbers below. */
  given = 0;
  /** The numbers whose acknowledgement was received. */
  readonly acknowledged = new Set<number>();
  /** What was not as it must be. */
  readonly faults: string[] = [];

  /** Notes what is handed to a connection. */
  watch(ws: Connection): Connection {
    const send = ws.send.bind(ws);
    let last = -1;
    ws.send = (data) => {
      const number = Number(data);
      if (number <= last) {
        this.faults.push(`${number} after ${last} on one connection`);
      }
      if (this.acknowledged.has(number)) {
        this.faults.push(`${number} again, though it was acknowledged`);
      }
      last = number;
      return send(data);
    };
    return ws;
  }

  /** Notes an acknowledgement that was received. */
  take(message: unknown): void {
    const number = Number(/^ack (\d+)$/.exec(String(message))?.[1]);
    if (!(number < this.given)) this.faults.push(`${message} out of nowhere`);
    this.acknowledged.add(number);
  }

  /** Each message either waits or is acknowledged. */
  balance(outstanding: number): void {
    const sum = this.acknowledged.size + outstanding;
    if (sum === this.given) return;
    this.faults.push(
      `${this.acknowledged.size} acknowledged and ${outstanding} waiting of ${this.given}`,
    );
  }
}

/** How far the parts of the test are. */
interface Done {
  reign: boolean;
  pour: boolean;
  settle: boolean;
}

/** Sends numbers, as many as the window lets, until some time after the last kill. */
async function pour(
  ws: ReconnectingConnection,
  ledger: Ledger,
  done: Done,
): Promise<void> {
  let most = Infinity;
  while (ledger.given < most && !done.settle) {
    while (ws.outstanding < WINDOW) ws.send(`${ledger.given++}`);
    await sleep(1);
    if (done.reign && most === Infinity) most = ledger.given + 5 * WINDOW;
  }
}

/** Receives acknowledgements until all is acknowledged that there will be. */
async function settle(
  ws: ReconnectingConnection,
  ledger: Ledger,
  dice: Dice,
  done: Done,
): Promise<void> {
  while (!done.pour || ws.outstanding > 0) {
    // So that what came is still there when its connection has ended.
    if (dice.roll(500) === 0) await sleep(dice.roll(2 * LIFE));
    ledger.take(await ws.receive({ signal: AbortSignal.timeout(PATIENCE) }));
    ws.acknowledge();
    ledger.balance(ws.outstanding);
    if (ledger.faults.length > 10) return;
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

test(`ReconnectingConnection loses and doubles nothing while its server is killed ${KILLS} times`, async (engine) => {
  const note = `WSS_CHAOS_SEED=${SEED}`;
  console.log(note);
  const { dir, ca } = await devCertificates();
  using probe = Deno.listen({ hostname: "localhost", port: 0 });
  const { port } = probe.addr;
  probe.close();
  const ledger = new Ledger();
  const waits: Extract<ReconnectStatus, { state: "waiting" }>[] = [];
  const counts = { connecting: 0, open: 0, waiting: 0, closed: 0 };
  let last: ReconnectStatus | undefined;
  const began = performance.now();
  await using ws = keepConnected(
    async (signal) =>
      ledger.watch(
        await connect(`wss://localhost:${port}`, {
          engine,
          caCerts: [ca],
          signal,
          openTimeout: 2000,
        }),
      ),
    {
      ...DELAYS,
      delivery: "at-least-once",
      maxOutboxMessages: WINDOW,
      onstatus: (status) => {
        last = status;
        counts[status.state]++;
        if (status.state === "waiting") waits.push(status);
      },
    },
  );
  const dice = new Dice(SEED);
  const options = { chainFile: `${dir}/localhost.pem`, port };
  const done: Done = { reign: false, pour: false, settle: false };
  const all = await Promise.allSettled([
    reign(options, dice).finally(() => done.reign = true),
    pour(ws, ledger, done).finally(() => done.pour = true),
    settle(ws, ledger, dice, done).finally(() => done.settle = true),
  ]);
  await ws.close();
  const took = performance.now() - began;
  if (all[0].status === "fulfilled") await all[0].value[Symbol.asyncDispose]();
  for (const result of all) {
    if (result.status === "fulfilled") continue;
    const state = { note, took, done, counts, last, given: ledger.given };
    throw new Error(Deno.inspect(state), { cause: result.reason });
  }

  assertEquals(ledger.faults, [], note);
  assertEquals(ledger.acknowledged.size, ledger.given, note);
  assert(counts.open >= KILLS / 5, `${counts.open} connections, ${note}`);
  assert(ledger.given > 10 * KILLS, `${ledger.given} messages, ${note}`);
  // It tried as often as the delays let it, and no more: no busy loop.
  const delayed = waits.reduce((sum, { delay }) => sum + delay, 0);
  assertEquals(counts.connecting, waits.length + 1, note);
  assert(delayed <= took + waits.length, `${delayed} of ${took} ms, ${note}`);
  assert(waits.every(({ delay }) => delay <= DELAYS.maxDelay), note);
  assert(counts.connecting <= 20 * KILLS, `${counts.connecting}, ${note}`);
  assert(took < 120_000, `${took} ms, ${note}`);
});
