import { assertRejects, assertStringIncludes } from "@std/assert";
import { refusalSteps } from "./peers/handshake_steps.ts";
import { connectPeer } from "./peers/pair.ts";
import { type Step, testLibrary } from "./peers/suite.ts";

const COMMAND: [string, ...string[]] = [
  "deno",
  "run",
  "--no-prompt",
  "--quiet",
  "--allow-net=localhost,127.0.0.1",
  "--allow-read",
  "--allow-env=WS_NO_BUFFER_UTIL,WS_NO_UTF_8_VALIDATE,NODE_EXTRA_CA_CERTS",
  new URL("peers/ws_peer.ts", import.meta.url).pathname,
];

const insists: Step = {
  name: "it leaves a server that supports none of its subprotocols",
  side: "serve()",
  async run(meeting) {
    await using stack = new AsyncDisposableStack();
    const protocols = ["c"];
    const { message } = await assertRejects(
      () => connectPeer(stack, meeting, { protocols }, () => {}, ["a", "b"]),
      Error,
    );
    assertStringIncludes(message, "Server sent no subprotocol");
  },
};

testLibrary({
  name: "npm's ws",
  missing: undefined,
  command: COMMAND,
  steps: [...refusalSteps, insists],
});
