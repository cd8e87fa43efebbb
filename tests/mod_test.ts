import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";

const root = fromFileUrl(new URL("..", import.meta.url));

Deno.test("the exports of each entry are these", async () => {
  const names = async (path: string) => Object.keys(await import(path)).sort();
  const shared = [
    "CloseCode",
    "Connection",
    "ConnectionClosedError",
    "HandshakeError",
    "NetworkError",
    "TlsError",
    "WssError",
    "loadCertChain",
  ];
  const server = [
    "Server",
    "Topics",
    "allOf",
    "anyOf",
    "basicAuth",
    "bearerAuth",
    "clientCertificate",
    "serve",
    "setNoDelay",
    "upgrade",
  ];
  const client = [
    "ReconnectingConnection",
    "connect",
    "keepConnected",
    "loadCaCerts",
    "reconnect",
  ];
  assertEquals(await names("../server.ts"), [...shared, ...server].sort());
  assertEquals(await names("../client.ts"), [...shared, ...client].sort());
  assertEquals(
    await names("../mod.ts"),
    [...shared, ...server, ...client].sort(),
  );
  assertEquals(await names("../certs/mod.ts"), [
    "certificatePin",
    "describeCertificates",
    "ensureClientCertificate",
    "ensureDevCertificates",
  ]);
  assertEquals(await names("../src/browser/mod.ts"), [
    "CloseCode",
    "Connection",
    "ConnectionClosedError",
    "NetworkError",
    "WssError",
    "connect",
    "reconnect",
  ]);
  assertEquals(await names("../src/browser/reconnecting.ts"), [
    "ReconnectingConnection",
    "keepConnected",
  ]);
  assertEquals(await names("../src/doctor/mod.ts"), [
    "examine",
    "inspectTls",
    "lintCertificates",
  ]);
  assertEquals(await names("../src/testing/mod.ts"), [
    "MisbehavingClient",
    "MisbehavingServer",
    "Relay",
    "misbehave",
    "pester",
    "relay",
    "testCertificates",
    "testClientCertificate",
  ]);
});

interface Graph {
  modules: {
    specifier: string;
    dependencies?: {
      specifier: string;
      isDynamic?: boolean;
      code?: { specifier: string };
      npmPackage?: string;
    }[];
  }[];
}

/** The modules that are loaded with `entry`, without what it imports when it needs it. */
async function loadedWith(entry: string): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: root,
  }).output();
  const { modules }: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const seen = new Set<string>();
  const visit = (specifier: string) => {
    if (seen.has(specifier)) return;
    seen.add(specifier);
    const module = modules.find((module) => module.specifier === specifier);
    for (const { isDynamic, code } of module?.dependencies ?? []) {
      if (code !== undefined && !isDynamic) visit(code.specifier);
    }
  };
  visit(new URL(entry, `file://${root}`).href);
  return [...seen].map((specifier) => specifier.replace(`file://${root}`, ""));
}

Deno.test("mod.ts loads no npm package but the stand-in for @std", async () => {
  const loaded = await loadedWith("mod.ts");
  const foreign = loaded.filter((name) =>
    !/^(src\/|links\/|\w+\.ts$)/.test(name)
  );
  assertEquals(
    foreign.filter((name) => !name.startsWith("npm:deno-std@")),
    [],
  );
  assertEquals(loaded.includes("src/tls/authority.ts"), false);
  assertEquals(loaded.includes("src/engines/deno_no_delay.ts"), false);
  assertEquals(loaded.filter((name) => name.startsWith("src/cli/")), []);
});

for (const entry of ["certs/mod.ts", "src/testing/mod.ts"]) {
  Deno.test(`${entry} loads no npm package until it makes a certificate`, async () => {
    const loaded = await loadedWith(entry);
    assertEquals(
      loaded.filter((name) =>
        /^npm:/.test(name) && !name.startsWith("npm:deno-std@")
      ),
      [],
    );
  });
}

Deno.test("wss loads its declarations when it starts, and nothing that does the work", async () => {
  const loaded = await loadedWith("src/cli/mod.ts");
  assertEquals(
    loaded.filter((name) =>
      !/^src\/cli\/(?:\w+|\w+\/(?:command|help|layout|tree|version))\.ts$/
        .test(name)
    ).map((name) => name.replace(/@.*/, "")).sort(),
    ["deno.json", "npm:commander"],
  );
});

Deno.test("wss imports nothing of the module but what everybody can", async () => {
  const { exports } = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
  const open = new Set(
    Object.values<string>(exports).map((path) => path.slice(2)),
  );
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "src/cli/mod.ts"],
    cwd: root,
  }).output();
  const { modules }: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const nameOf = (specifier: string) => specifier.replace(`file://${root}`, "");
  const own = modules.filter(({ specifier }) =>
    nameOf(specifier).startsWith("src/cli/")
  );
  const imported = own.flatMap(({ dependencies = [] }) =>
    dependencies.flatMap(({ code }) => code ? [nameOf(code.specifier)] : [])
  );
  const inner = imported.filter((name) =>
    /^(?:src|server|client|certs|mod)\b/.test(name) &&
    !name.startsWith("src/cli/") && !open.has(name)
  );
  assertEquals(inner, []);
  assert(own.length > 50 && imported.includes("client.ts"));
});

Deno.test("server.ts and client.ts never import each other, and what is below imports neither", async () => {
  assertEquals((await loadedWith("server.ts")).includes("client.ts"), false);
  assertEquals((await loadedWith("client.ts")).includes("server.ts"), false);
  for (
    const file of [
      "src/connection.ts",
      "src/server.ts",
      "src/accept.ts",
      "src/engines/deno_server.ts",
    ]
  ) {
    const loaded = await loadedWith(file);
    assertEquals(loaded.filter((name) => /^\w+\.ts$/.test(name)), []);
  }
  for (const file of ["src/errors.ts", "src/close_code.ts"]) {
    assertEquals(await loadedWith(file), [file]);
  }
});

interface Declaration {
  /** "reference" where it stands in another entry. */
  kind: string;
  jsDoc?: { doc?: string; tags?: { kind: string }[] };
}

interface Documentation {
  nodes: Record<
    string,
    { symbols: { name: string; declarations: Declaration[] }[] }
  >;
}

Deno.test("each exported name is explained, and shown in an example that is run", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "doc",
      "--json",
      "mod.ts",
      "certs/mod.ts",
      "src/testing/mod.ts",
      "src/doctor/mod.ts",
      "src/browser/mod.ts",
      "src/browser/reconnecting.ts",
    ],
    cwd: root,
  }).output();
  const { nodes }: Documentation = JSON.parse(new TextDecoder().decode(stdout));
  const symbols = Object.values(nodes).flatMap(({ symbols }) => symbols);
  const lacking = symbols.filter(({ declarations }) =>
    !declarations.some(({ kind, jsDoc }) =>
      kind === "reference" ||
      jsDoc?.doc && jsDoc.tags?.some(({ kind }) => kind === "example")
    )
  );
  assertEquals(lacking.map(({ name }) => name), []);
  assertEquals(symbols.length > 35, true);
});
