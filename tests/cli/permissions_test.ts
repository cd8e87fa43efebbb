import { assertEquals, assertMatch } from "@std/assert";
import { devCertificates, temporaryDirectory } from "../_certs.ts";
import { startServe } from "./_serve.ts";
import { type Ended, startWss, wss } from "./_wss.ts";

/** What a command is run with, and what it turns out to need. */
interface Case {
  readonly args: readonly string[];
  /** All flags that it asks for, sorted. */
  readonly needs: readonly string[];
  readonly stdin?: string;
  /** Where it goes on for ever: what it says when it is at work. */
  readonly until?: RegExp;
}

/** Runs a command with what it was seen to ask for, until it asks no more. */
async function runUntilAllowed(
  { args, stdin, until }: Case,
  cwd: string,
): Promise<{ flags: string[]; ended: Ended }> {
  const granted = new Map<string, Set<string>>();
  for (let round = 0; round < 4; round++) {
    const permissions = [...granted].map(([kind, values]) =>
      values.size === 0 ? kind : `${kind}=${[...values].join(",")}`
    );
    const options = {
      permissions,
      cwd,
      env: { TOKEN: "secret" },
      ...stdin !== undefined && { stdin },
    };
    const ended = until === undefined
      ? await wss(args, options)
      : await runUntilSeen(args, options, until);
    if (ended.code !== 9) return { flags: permissions.sort(), ended };
    const asked = ended.err.match(/--allow-\w+(?:=\S+)?/g) ?? [];
    for (const flag of asked) {
      const [kind = "", list = ""] = flag.split(/=(.*)/s);
      const values = granted.get(kind) ?? new Set();
      for (const value of list.split(",").filter(Boolean)) values.add(value);
      granted.set(kind, values);
    }
  }
  throw new Error(`wss ${args.join(" ")} asks for ever more`);
}

async function runUntilSeen(
  args: readonly string[],
  options: { permissions: string[]; cwd: string },
  until: RegExp,
): Promise<Ended> {
  await using running = startWss(args, options);
  await Promise.race([
    running.seen(until, "err").catch(() => {}),
    running.ended,
  ]);
  running.kill("SIGTERM");
  return await running.ended;
}

Deno.test(
  "each command, given nothing, asks for what it needs, and needs no more than that",
  {
    ignore: Deno.build.os === "windows",
  },
  async () => {
    const { dir } = await devCertificates();
    await using work = await temporaryDirectory();
    await using server = await startServe(["--echo"], {});
    const { host } = new URL(server.url);
    const ca = `${dir}/ca.pem`;
    const reach = [`--allow-net=${host}`, `--allow-read=${ca}`];
    const target = [host, "--cacert", ca];
    const cases: Case[] = [
      { args: ["help"], needs: [] },
      { args: ["man"], needs: [] },
      { args: ["completions", "bash"], needs: [] },
      {
        args: ["cert"],
        needs: ["--allow-read=certs", "--allow-write=certs"],
      },
      { args: ["cert", "--show", ca], needs: [`--allow-read=${ca}`] },
      {
        args: ["cert", "--show", server.url],
        needs: [`--allow-net=${host}`],
      },
      {
        args: ["serve", "--port=0"],
        needs: ["--allow-net=localhost:0", "--allow-read=certs"],
        until: /Listening on/,
      },
      {
        args: ["serve", "--port=0", "--exec=cat"],
        needs: [
          "--allow-net=127.0.0.1:0",
          "--allow-read=certs",
          "--allow-run=cat",
        ],
        until: /Listening on/,
      },
      {
        args: ["serve", "--port=0", "--proxy=tcp://localhost:1"],
        needs: ["--allow-net=127.0.0.1:0,localhost:1", "--allow-read=certs"],
        until: /Listening on/,
      },
      {
        args: ["connect", ...target, "--token=env:TOKEN"],
        needs: ["--allow-env=TOKEN", ...reach],
        stdin: "hello\n",
      },
      { args: ["doctor", ...target], needs: reach },
      { args: ["doctor", "--server", dir], needs: [`--allow-read=${dir}`] },
      {
        args: ["bench", ...target, "--duration=100ms", "--warmup=0"],
        needs: reach,
      },
      {
        args: ["bench", ...target, "--count=9", "--warmup=0", "--html=a.html"],
        needs: [...reach, "--allow-write=a.html"],
      },
      {
        args: ["greet", `--url=${server.url}`, "--ca", ca, "--name=Ada"],
        needs: reach,
      },
      {
        args: ["demo", "--port=0"],
        // Where it may not look, there may be no certificates.
        needs: [
          "--allow-net=localhost",
          "--allow-read=certs",
          "--allow-write=certs",
        ],
      },
    ];
    for (const one of cases) {
      const line = `wss ${one.args.join(" ")}`;
      const { flags, ended } = await runUntilAllowed(one, work.path);
      assertEquals(ended.code, 0, `${line}:\n${ended.err}`);
      assertEquals(flags, [...one.needs].sort(), line);
    }
  },
);

Deno.test("no command fails for a missing permission without its flag", async () => {
  const { err } = await wss(["connect", "localhost:1", "--cacert=ca.pem"]);
  assertMatch(
    err,
    /^error: permissions are missing; run or install it with --allow-net=localhost:1 --allow-read=ca\.pem\n$/,
  );
  const missing: [args: string[], flags: string][] = [
    [
      ["connect", "chat.example", "--resolve=chat.example:443:127.0.0.7"],
      "--allow-net=127.0.0.7:443",
    ],
    [
      ["doctor", "wss://localhost:1", "--token=file:t", "--header=@h"],
      "--allow-net=localhost:1 --allow-read=h,t",
    ],
    [
      ["serve", "--port=1", "--cert=c", "--token=file:t", "--auth=env:A"],
      "--allow-net=localhost:1 --allow-read=c,t --allow-env=A",
    ],
  ];
  for (const [args, flags] of missing) {
    const { code, err } = await wss(args);
    assertEquals(
      [code, err],
      [9, `error: permissions are missing; run or install it with ${flags}\n`],
    );
  }
});
