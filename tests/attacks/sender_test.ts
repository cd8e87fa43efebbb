import { assert } from "@std/assert";
import { within } from "../../src/within.ts";
import { test } from "../_engines.ts";
import {
  closePayload,
  encodeFrame,
  joined,
  Opcode,
  RawPeer,
} from "../_raw_peer.ts";
import { ignore, Target } from "./_attack.ts";

const GO = encodeFrame({ opcode: Opcode.Text, payload: "go" }, true);
const CLOSE = encodeFrame(
  { opcode: Opcode.Close, payload: closePayload(1000) },
  true,
);
const FORBIDDEN = encodeFrame({ opcode: 3, payload: "" }, true);

/** How clients end that are being sent to: with what they write, or by hanging up. */
const ENDS: Record<string, (peer: RawPeer) => Promise<void>> = {
  "with a close frame behind its message": (peer) =>
    peer.write(joined([GO, CLOSE])),
  "with a close frame while it reads nothing": async (peer) => {
    await peer.write(GO);
    await delay(300);
    await peer.write(CLOSE);
  },
  "by breaking a rule": (peer) => peer.write(joined([GO, FORBIDDEN])),
  "without a word": async (peer) => {
    await peer.write(GO);
    peer[Symbol.dispose]();
  },
};

for (const port of ["plain", "secure"] as const) {
  for (const [end, act] of Object.entries(ENDS)) {
    test(
      `serve() sees to others while its handler sends to who ended ${end} on its ${port} port`,
      async (engine) => {
        await using target = await Target.start({ engine });
        using peer = await RawPeer.open(`${target[port]}/chatter`);
        await act(peer);
        await delay(300);
        const served = target.assertServes();
        assert(await within(served, 5000), "it sees to nobody else");
      },
      { ignore },
    );
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
