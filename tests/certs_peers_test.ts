import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { ensureDevCertificates } from "../certs/mod.ts";
import type { Authority } from "../src/tls/authority.ts";
import { type CertChain, loadCertChain } from "../src/tls/pem.ts";
import {
  forge,
  type TemporaryDirectory,
  temporaryDirectory,
} from "./_certs.ts";
import { chromiumFlags } from "./_chromium.ts";

/** How a client fared. */
interface Outcome {
  ok: boolean;
  output: string;
}

/** A TLS client of somebody else's. */
interface Peer {
  name: string;
  /** The commands it takes, each with arguments that end it at once. */
  commands: [command: string, ...args: string[]][];
  /** What it prints when it doesn't know the issuer. */
  unknownIssuer: RegExp;
  /** What it prints when the certificate is outside of the name constraints. */
  outsideConstraints: RegExp;
  /** Gets a URL, trusting the certificates in the file, or nobody's. */
  get(url: URL, caFile: string | undefined, home: string): Promise<Outcome>;
}

const GREETING = "greetings from the server";
const PYTHON = "/usr/bin/python3";

const PYTHON_CLIENT = `
import ssl, sys, urllib.request
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.verify_flags |= ssl.VERIFY_X509_STRICT
if len(sys.argv) > 2: context.load_verify_locations(sys.argv[2])
proxies = urllib.request.ProxyHandler({})
https = urllib.request.HTTPSHandler(context=context)
with urllib.request.build_opener(proxies, https).open(sys.argv[1]) as response:
    print(response.read().decode())
`;

const NODE_CLIENT = `
const [url, caFile] = process.argv.slice(1);
const ca = caFile ? require("fs").readFileSync(caFile) : [];
require("https").get(url, { ca }, (response) => response.pipe(process.stdout))
  .on("error", (error) => { console.error(error); process.exitCode = 1; });
`;

const PEERS: Peer[] = [
  {
    name: "OpenSSL",
    commands: [["openssl", "version"]],
    unknownIssuer: /unable to get (local )?issuer certificate|self-signed/,
    outsideConstraints: /permitted subtree violation/,
    get: getByOpenssl,
  },
  {
    name: "Python",
    commands: [[PYTHON, "--version"]],
    unknownIssuer: /unable to get local issuer|self-signed/,
    outsideConstraints: /permitted subtree violation/,
    get: (url, caFile) =>
      run(PYTHON, [
        "-I",
        "-c",
        PYTHON_CLIENT,
        url.href,
        ...(caFile === undefined ? [] : [caFile]),
      ]),
  },
  {
    name: "Node",
    // Without a Node, Deno runs itself in its place.
    commands: [["node", "-e", "process.exit(process.versions.deno ? 127 : 0)"]],
    unknownIssuer: /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY/,
    outsideConstraints: /permitted subtree violation/,
    get: (url, caFile) =>
      run("node", [
        "-e",
        NODE_CLIENT,
        url.href,
        ...(caFile === undefined ? [] : [caFile]),
      ]),
  },
  {
    name: "Deno",
    commands: [],
    unknownIssuer: /UnknownIssuer/,
    outsideConstraints: /NameConstraintViolation/,
    get: getByDeno,
  },
  {
    name: "Chromium",
    commands: [["chromium", "--version"], ["certutil", "-H"]],
    unknownIssuer: /ERR_CERT_AUTHORITY_INVALID/,
    outsideConstraints: /ERR_CERT_INVALID/,
    get: getByChromium,
  },
];

async function getByOpenssl(url: URL, caFile?: string): Promise<Outcome> {
  const trust = caFile === undefined ? ["-no-CAfile"] : ["-CAfile", caFile];
  const name = /^[\d.]+$/.test(url.hostname)
    ? "-verify_ip"
    : "-verify_hostname";
  return await run(
    "openssl",
    ["s_client", "-connect", `127.0.0.1:${url.port}`, name, url.hostname]
      .concat("-x509_strict", "-verify_return_error", "-no-CApath")
      .concat("-no-CAstore", "-quiet", "-ign_eof", trust),
    `GET / HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n\r\n`,
  );
}

async function getByDeno(url: URL, caFile?: string): Promise<Outcome> {
  const caCerts = caFile === undefined ? [] : [await Deno.readTextFile(caFile)];
  using client = Deno.createHttpClient({ caCerts });
  try {
    const response = await fetch(url, { client });
    return { ok: true, output: await response.text() };
  } catch (error) {
    return { ok: false, output: Deno.inspect(error) };
  }
}

/** Chromium on Linux trusts what is in the NSS database of its user. */
async function getByChromium(
  url: URL,
  caFile: string | undefined,
  home: string,
): Promise<Outcome> {
  const database = join(home, ".pki", "nssdb");
  await Deno.mkdir(database, { recursive: true });
  const certutil = (...args: string[]) =>
    run("certutil", ["-d", `sql:${database}`, ...args]);
  await certutil("-N", "--empty-password");
  if (caFile !== undefined) {
    const added = await certutil("-A", "-t", "C,,", "-n", "wss", "-i", caFile);
    assert(added.ok, added.output);
  }
  const flags = chromiumFlags(join(home, "profile"));
  return await run("chromium", [...flags, url.href], "", { HOME: home });
}

/** Runs a command to its end. */
async function run(
  command: string,
  args: string[],
  input = "",
  env: Record<string, string> = {},
): Promise<Outcome> {
  const options = { args, env, signal: AbortSignal.timeout(60_000) };
  await using process = new Deno.Command(command, {
    ...options,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [{ success }, stdout, stderr] = await Promise.all([
    process.status,
    process.stdout.text(),
    process.stderr.text(),
    new Blob([input]).stream().pipeTo(process.stdin).catch(() => {}),
  ]);
  return { ok: success, output: stdout + stderr };
}

/** The first of the peer's commands that isn't installed. */
function missingCommand({ commands }: Peer): string | undefined {
  return commands.find(([command, ...args]) => {
    try {
      return new Deno.Command(command, { args }).outputSync().code === 127;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return true;
      throw error;
    }
  })?.[0];
}

/** Declares a test that is ignored if the peer isn't installed, and fails instead under CI. */
function testPeer(peer: Peer, name: string, fn: () => Promise<void>): void {
  const missing = missingCommand(peer);
  const ignore = missing !== undefined && Deno.env.get("CI") !== "true";
  const reason = missing === undefined ? "" : ` (${missing} is not installed)`;
  Deno.test({ name: `${peer.name} ${name}${reason}`, ignore, fn });
}

/** Serves with the chain, and lets the peer ask for each host. */
async function ask(
  peer: Peer,
  chain: CertChain,
  caFile: string | undefined,
  hosts = ["localhost"],
): Promise<Outcome[]> {
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", ...chain, onListen() {} },
    () => new Response(GREETING),
  );
  const outcomes: Outcome[] = [];
  for (const host of hosts) {
    await using home = await temporaryDirectory();
    const url = new URL(`https://${host}:${server.addr.port}/`);
    outcomes.push(await peer.get(url, caFile, home.path));
  }
  return outcomes;
}

async function readAuthority(dir: TemporaryDirectory): Promise<Authority> {
  return {
    cert: await Deno.readTextFile(join(dir.path, "ca.pem")),
    key: await Deno.readTextFile(join(dir.path, "ca.key")),
  };
}

function assertGreeted({ output }: Outcome): void {
  assert(output.includes(GREETING), output);
}

function assertRefused({ output }: Outcome, because: RegExp): void {
  assert(!output.includes(GREETING), output);
  assertMatch(output, because);
}

for (const peer of PEERS) {
  testPeer(peer, "accepts localhost.pem when it trusts ca.pem", async () => {
    await using dir = await temporaryDirectory();
    const made = await ensureDevCertificates({ directory: dir.path });
    const chain = await loadCertChain(made.chainFile);

    const hosts = ["localhost", "127.0.0.1"];
    const outcomes = await ask(peer, chain, made.caFile, hosts);
    outcomes.forEach(assertGreeted);
    assertEquals(outcomes.length, 2);
  });

  testPeer(peer, "refuses localhost.pem without that trust", async () => {
    await using dir = await temporaryDirectory();
    const made = await ensureDevCertificates({ directory: dir.path });
    const chain = await loadCertChain(made.chainFile);

    const [outcome] = await ask(peer, chain, undefined);
    assert(outcome);
    assertRefused(outcome, peer.unknownIssuer);
  });

  testPeer(
    peer,
    "refuses what ca.pem issued outside of its name constraints",
    async () => {
      await using dir = await temporaryDirectory();
      const { caFile } = await ensureDevCertificates({ directory: dir.path });
      const issuer = await readAuthority(dir);

      for (const outside of [[], ["other.test"], ["192.0.2.1"]]) {
        const names = ["localhost", ...outside];
        const leaf = await forge({ issuer, names });
        const chain = { ...leaf, cert: leaf.cert + issuer.cert };
        const [outcome] = await ask(peer, chain, caFile);
        assert(outcome);
        if (outside.length === 0) assertGreeted(outcome);
        else assertRefused(outcome, peer.outsideConstraints);
      }
    },
  );
}

testPeer(
  PEERS[0] as Peer,
  "verifies the chain strictly, by each name and address",
  async () => {
    await using dir = await temporaryDirectory();
    const { caFile, chainFile } = await ensureDevCertificates({
      directory: dir.path,
      hosts: ["*.example.test", "bücher.test", "2001:db8::5"],
    });
    const names = [
      ["-verify_hostname", "localhost"],
      ["-verify_hostname", "a.example.test"],
      ["-verify_hostname", "xn--bcher-kva.test"],
      ["-verify_ip", "127.0.0.1"],
      ["-verify_ip", "::1"],
      ["-verify_ip", "2001:db8::5"],
    ];

    for (const name of names) {
      const { output } = await run(
        "openssl",
        ["verify", "-x509_strict", "-purpose", "sslserver"]
          .concat("-no-CApath", "-no-CAstore", "-CAfile", caFile, name)
          .concat(chainFile),
      );
      assertEquals(output, `${chainFile}: OK\n`);
    }
  },
);

testPeer(
  PEERS[1] as Peer,
  "serves with localhost.pem, and trusts it as its guide does",
  async () => {
    await using dir = await temporaryDirectory();
    const { chainFile } = await ensureDevCertificates({ directory: dir.path });
    const script = `
import pathlib, ssl, sys
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(sys.argv[1])
client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
client.load_verify_locations(sys.argv[1])
up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
ends = [client.wrap_bio(down, up, server_hostname="localhost"), server.wrap_bio(up, down, server_side=True)]
while ends:
    for end in list(ends):
        try:
            end.do_handshake()
            ends.remove(end)
        except ssl.SSLWantReadError:
            pass
print("trusted")
`;
    const { output } = await run(PYTHON, ["-I", "-c", script, chainFile]);
    assertEquals(output, "trusted\n");
  },
);
