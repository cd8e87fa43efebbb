/**
 * The load of the benchmark, as a process of its own. It takes orders, a line of
 * JSON each, on standard input, answers each with a line, and ends with it.
 *
 * @module
 */

import {
  type BroadcastResult,
  type BroadcastTask,
  measureBroadcast,
} from "./broadcast.ts";
import { type BurstResult, type BurstTask, measureBurst } from "./burst.ts";
import { closeIdle, openIdle } from "./clients.ts";
import { type EchoResult, type EchoTask, measureEcho } from "./echo.ts";
import {
  type HandshakeResult,
  type HandshakeTask,
  measureHandshakes,
} from "./handshake.ts";
import { type LatencyResult, measureLatency } from "./latency.ts";
import type { Times } from "./plan.ts";
import type { RawClient, Target } from "./raw_client.ts";

/** What the load is asked to do. */
export type Order =
  | { do: "echo"; target: Target; task: EchoTask }
  | { do: "burst"; target: Target; task: BurstTask }
  | { do: "latency"; target: Target; task: Times }
  | { do: "handshake"; target: Target; task: HandshakeTask }
  | { do: "broadcast"; target: Target; task: BroadcastTask }
  | { do: "open"; target: Target; count: number }
  | { do: "close" };

/** What an order results in. */
export type Result =
  | EchoResult
  | BurstResult
  | LatencyResult
  | HandshakeResult
  | BroadcastResult
  | { open: number };

/** What is answered to an order. */
export type Answer = { result: Result } | { error: string };

async function takeOrders(): Promise<void> {
  let idle: RawClient[] = [];
  const obey = async (order: Order): Promise<Result> => {
    switch (order.do) {
      case "echo":
        return await measureEcho(order.target, order.task);
      case "burst":
        return await measureBurst(order.target, order.task);
      case "latency":
        return await measureLatency(order.target, order.task);
      case "broadcast":
        return await measureBroadcast(order.target, order.task);
      case "handshake":
        return await measureHandshakes(order.target, order.task);
      case "open":
        idle = idle.concat(await openIdle(order.target, order.count));
        return { open: idle.length };
      case "close":
        await closeIdle(idle.splice(0));
        return { open: 0 };
    }
  };
  let text = "";
  const input = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const chunk of input) {
    const lines = (text + chunk).split("\n");
    text = lines.pop()!;
    for (const line of lines) {
      const answer: Answer = await obey(JSON.parse(line)).then(
        (result) => ({ result }),
        (error: unknown) => ({ error: String(error) }),
      );
      console.log(JSON.stringify(answer));
    }
  }
  Deno.exit(0);
}

if (import.meta.main) await takeOrders();
