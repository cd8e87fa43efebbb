/**
 * A machine to change: the stores of authorities of this one are hidden behind
 * others for one command (Linux namespaces), so that what changes them harms
 * nobody.
 *
 * @module
 */

import { join } from "@std/path";
import { succeeds } from "../peers/suite.ts";
import { type Ended, entry, root } from "./_wss.ts";

/** Programs that the tests of stores run, and their packages. */
const PROGRAMS = [
  ["unshare", "--version"],
  ["update-ca-certificates", "--help"],
  ["openssl", "version"],
  ["certutil", "--help"],
] as const;

/** Why there is no such machine; under CI a missing program fails instead. */
export const noMachine: string | undefined = whyNot();

function whyNot(): string | undefined {
  if (Deno.build.os !== "linux") return "it takes Linux";
  const missing = PROGRAMS.find(([command, ...args]) =>
    !isThere(command, args)
  );
  if (missing !== undefined) {
    const ignored = Deno.env.get("CI") !== "true";
    return ignored ? `${missing[0]} is not installed` : undefined;
  }
  const mounts = succeeds(
    ...["unshare", "--map-root-user", "--mount", "sh", "-c"] as const,
    "mount -t tmpfs none /usr/local/share/ca-certificates",
  );
  return mounts ? undefined : "this system lets nobody make namespaces";
}

function isThere(command: string, args: readonly string[]): boolean {
  try {
    new Deno.Command(command, {
      args: [...args],
      stdout: "null",
      stderr: "null",
    }).outputSync();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** One machine: its stores, and the home of its user. */
export class Machine implements AsyncDisposable {
  /** Where `certs/` is, and what else the user has. */
  readonly path: string;
  /** Of the user. */
  readonly home: string;

  private constructor(path: string) {
    this.path = path;
    this.home = join(path, "home");
  }

  /** Makes one, whose stores hold what they hold here. */
  static async make(): Promise<Machine> {
    const machine = new Machine(
      await Deno.makeTempDir({ prefix: "wss-machine-" }),
    );
    for (const name of ["home", "anchors"]) {
      await Deno.mkdir(join(machine.path, name));
    }
    const command = new Deno.Command("cp", {
      args: ["-rP", "/etc/ssl/certs", machine.path],
    });
    await command.output();
    return machine;
  }

  /** The file in the store of the system. */
  anchors(): string[] {
    const entries = [...Deno.readDirSync(join(this.path, "anchors"))];
    return entries.map(({ name }) => name).sort();
  }

  /** The command line that runs `wss cert` here, with just the flags that it documents. */
  wss(args: readonly string[]): string[] {
    return [
      ...["deno", "run", "--no-prompt", "--quiet", `--config=${root}deno.json`],
      ...this.#permissions(),
      ...[entry, "cert", ...args],
    ].with(0, Deno.execPath());
  }

  #permissions(): string[] {
    const home = [".pki", ".mozilla", ".config/mozilla", "snap"].map((path) =>
      join(this.home, path)
    );
    const store = "/usr/local/share/ca-certificates";
    return [
      "--allow-env=HOME",
      "--allow-sys=uid",
      `--allow-read=certs,/etc/os-release,${store},${home.join(",")}`,
      `--allow-write=${store},${home[0]}`,
      "--allow-run=certutil,update-ca-certificates",
    ];
  }

  /** The command line that runs another here, as root, or as somebody else. */
  inside(
    words: readonly string[],
    { user = "root", path }: { user?: "root" | "nobody"; path?: string } = {},
  ): string[] {
    const mounts = `set -e
      mount --bind "$0/anchors" /usr/local/share/ca-certificates
      mount --bind "$0/certs" /etc/ssl/certs
      exec "$@"`;
    const namespaces = user === "root"
      ? ["--map-root-user", "--mount", "sh", "-c", mounts, this.path]
      : ["--map-user=65534", "--map-group=65534"];
    const env = [
      `HOME=${this.home}`,
      ...path === undefined ? [] : [`PATH=${path}`],
    ];
    return ["unshare", "--user", ...namespaces, "env", ...env, ...words];
  }

  /** Runs a command here to its end. */
  async run(
    words: readonly string[],
    options: { user?: "root" | "nobody"; path?: string } = {},
  ): Promise<Ended> {
    const [command, ...args] = this.inside(words, options);
    const { code, stdout, stderr } = await new Deno.Command(command ?? "", {
      args,
      cwd: join(this.path, "home"),
      env: { DENO_DIR: await denoDir(), NO_COLOR: "1" },
      stdin: "null",
      signal: AbortSignal.timeout(60_000),
    }).output();
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Where Deno has its caches, for a home that has none. */
export async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json"],
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}
