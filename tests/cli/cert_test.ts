import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { serve } from "../../mod.ts";
import { issueClientCertificate } from "../../src/tls/authority.ts";
import { devCertificates, forge, temporaryDirectory } from "../_certs.ts";
import { crowded } from "../doctor/_setups.ts";
import { Terminal } from "./_terminal.ts";
import { noTerminal } from "./_terminal.ts";
import { root, wss, wssArgs } from "./_wss.ts";

const DAY = 86_400_000;
const CERTS = ["--allow-read=certs", "--allow-write=certs"];

Deno.test("wss cert makes, keeps and tells it as JSON, with the permissions of its directory", async () => {
  await using dir = await temporaryDirectory();
  const run = (...args: string[]) =>
    wss(["cert", ...args], { cwd: dir.path, permissions: CERTS });
  const made = await run("dev.example.test", "--json");
  assertEquals([made.code, made.err], [0, ""]);
  const { notAfter, ...rest } = JSON.parse(made.out);
  assertEquals(rest, {
    action: "created",
    caFile: "certs/ca.pem",
    chainFile: "certs/localhost.pem",
    names: ["localhost", "127.0.0.1", "::1", "dev.example.test"],
  });
  assert(new Date(notAfter) > new Date(Date.now() + 396 * DAY));
  const kept = await run();
  assertMatch(kept.out, /^Kept certs\/localhost\.pem, for localhost/);
});

Deno.test("wss cert --client makes the certificate of a client, and says who is told what", async () => {
  await using dir = await temporaryDirectory();
  const run = (...args: string[]) =>
    wss(["cert", "--client", ...args], { cwd: dir.path, permissions: CERTS });
  const made = await run("robot-7");
  assertEquals([made.code, made.err], [0, ""]);
  assertMatch(made.out, /^Created certs\/robot-7\.pem, for CN=robot-7\n/);
  assertStringIncludes(made.out, 'loadCertChain("certs/robot-7.pem")');
  assertStringIncludes(made.out, 'clientCa: await loadCaCerts("certs/ca.pem")');
  const kept = JSON.parse((await run("robot-7", "--json")).out);
  assertEquals([kept.action, kept.subject], ["kept", "CN=robot-7"]);
  const wrong = await run("robot.example.test");
  assertEquals([wrong.code, wrong.out], [2, ""]);
  assertStringIncludes(wrong.err, "name must be");
});

Deno.test("wss cert --show describes what a file holds, mentions its key and shows nothing of it", async () => {
  const { dir, chain } = await devCertificates();
  const file = `${dir}/localhost.pem`;
  const permissions = [`--allow-read=${file}`];
  const { code, out, err } = await wss(["cert", "--show", file], {
    permissions,
  });
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /localhost\.pem: 2 certificates\n/);
  assertStringIncludes(
    out,
    "private key: yes, readable by its owner alone\n",
  );
  assertMatch(out, /^1\. CN=localhost,O=wss development certificate$/m);
  assertMatch(out, /^ +names +localhost, 127\.0\.0\.1, ::1$/m);
  assertMatch(out, /^ +issuer +CN=wss development CA \w+,O=wss \(2\)$/m);
  assertMatch(out, /^ +valid +\d{4}-.*Z to \d{4}-.*Z, 39[67] days left$/m);
  assertMatch(out, /^ +used for +serverAuth$/m);
  assertMatch(out, /^ +SHA-256 +(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/m);
  assertMatch(out, /^ +pin +sha256\/[\w+/]{43}=$/m);
  assertMatch(out, /^2\. CN=wss development CA/m);
  assertMatch(out, /^ +authority +yes, only for localhost, 127\.0\.0\.1\/32/m);
  const secret = chain.key.split("\n")[1] ?? "";
  assert(secret.length === 64);
  const json = await wss(["cert", "--json", "--show", file], { permissions });
  assertFalse((out + json.out).includes(secret));
  const { privateKey, certificates } = JSON.parse(json.out);
  assertEquals(privateKey, { encrypted: false, readableByOthers: false });
  assertEquals(certificates[0].names, ["localhost", "127.0.0.1", "::1"]);
});

Deno.test(
  "wss cert --show warns of a key that others can read, and of what expires",
  {
    ignore: Deno.build.os === "windows",
  },
  async () => {
    await using dir = await temporaryDirectory();
    const expired = await forge({
      subject: "CN=old",
      notAfter: new Date(Date.now() - 3.5 * DAY),
      notBefore: new Date(Date.now() - 9 * DAY),
    });
    const file = await dir.write("old.pem", expired.cert + expired.key);
    await Deno.chmod(file, 0o644);
    const { code, out } = await wss(["cert", "--show", file], {
      permissions: [`--allow-read=${dir.path}`],
    });
    assertEquals(code, 0);
    assertStringIncludes(
      out,
      `private key: yes, readable by others, too: chmod 600 ${file}\n`,
    );
    assertStringIncludes(out, ", expired 3 days ago\n");
    assertMatch(out, /^ +issuer +itself$/m);
  },
);

Deno.test("wss cert --show reads DER, and escapes what a certificate could do to a terminal", async () => {
  await using dir = await temporaryDirectory();
  const { cert } = await forge({ subject: "CN=a\u202eb" });
  const der = Uint8Array.fromBase64(
    cert.replace(/-----[^-]+-----|\s/g, ""),
  );
  const file = `${dir.path}/cert.der`;
  await Deno.writeFile(file, der);
  const { code, out } = await wss(["cert", "--show", file], {
    permissions: [`--allow-read=${dir.path}`],
  });
  assertEquals(code, 0);
  assertFalse(out.includes("\u202e"));
  assertStringIncludes(out, "1. CN=a\\");
});

Deno.test("wss cert --show tells what a server presents, and whether that would be trusted", async () => {
  const { chain, dir } = await devCertificates();
  await using server = await serve({ port: 0, ...chain }, (ws) => ws.closed);
  const { port } = new URL(server.url);
  const net = `--allow-net=localhost:${port}`;
  const alone = await wss(["cert", "--show", `localhost:${port}`], {
    permissions: [net],
  });
  assertEquals([alone.code, alone.err], [0, ""]);
  assertMatch(alone.out, /^wss:\/\/localhost:\d+: 2 certificates\nTLSv1\.3, /);
  assertMatch(alone.out, /^trusted: no: .+/m);
  assertMatch(alone.out, /^1\. CN=localhost,/m);
  const trusted = await wss(
    ["cert", "--show", `https://localhost:${port}/?token=secret`, "--json"]
      .concat("--cacert", `${dir}/ca.pem`),
    { permissions: [net, `--allow-read=${dir}/ca.pem`] },
  );
  assertEquals([trusted.code, trusted.err], [0, ""]);
  assertFalse(trusted.out.includes("secret"));
  const shown = JSON.parse(trusted.out);
  assertEquals([shown.trusted, shown.protocol, shown.certificates.length], [
    true,
    "TLSv1.3",
    2,
  ]);
});

Deno.test("wss cert --show ends with 4 where there is nothing to read, and with 9 where it may not", async () => {
  await using dir = await temporaryDirectory();
  const { cert, key } = await forge();
  const permissions = [`--allow-read=${dir.path}`];
  const files: [text: string, message: string][] = [
    [key, "it holds a private key and no certificate"],
    ["nothing", "there is no certificate in it"],
    [cert.replace(/\n.{20}/, "\n"), "a certificate in it is broken"],
    [(await crowded()).cert, "a certificate in it is too large to be read"],
  ];
  for (const [text, message] of files) {
    const file = await dir.write("x.pem", text);
    const { code, out, err } = await wss(["cert", "--show", file], {
      permissions,
    });
    assertEquals([code, out], [4, ""]);
    assertStringIncludes(err, `error: Cannot show ${file}: ${message}`);
    assertEquals(err.split("\n").length, 2);
  }
  const none = `${dir.path}/none.pem`;
  const gone = await wss(["cert", "--show", none], { permissions });
  assertEquals(gone.code, 4);
  assertStringIncludes(gone.err, "there is no such file");
  const denied = await wss(["cert", "--show", "some.pem"]);
  assertEquals(denied.code, 9);
  assertStringIncludes(
    denied.err,
    "run or install it with --allow-read=some.pem\n",
  );
});

Deno.test("wss cert refuses options that do not go together, with exit code 2", async () => {
  const wrong: [args: string[], message: string][] = [
    [["a.test", "--show", "x.pem"], "--show takes no hosts"],
    [["a.test", "--client", "ada"], "--client takes no hosts"],
    [["a.test", "--trust"], "--trust takes no hosts"],
    [["--show", "ws://localhost:1"], "no certificates over ws://"],
    [["--show", "x.pem", "--cacert", "y.pem"], "--cacert is for a URL"],
    [["--trust", "--untrust"], "cannot be used with"],
    [["--yes"], "--yes and --dry-run are for --trust"],
    [["--days", "399"], "1 to 398"],
  ];
  for (const [args, message] of wrong) {
    const { code, out, err } = await wss(["cert", ...args]);
    assertEquals([code, out], [2, ""], err);
    assertStringIncludes(err, message);
  }
});

Deno.test("wss cert --show colours the days that are left at a terminal", {
  ignore: noTerminal,
}, async () => {
  await using dir = await temporaryDirectory();
  const authority = await forge({ ca: true, subject: "CN=authority" });
  const { cert } = await issueClientCertificate(authority, "ada", {
    notAfter: new Date(Date.now() + 5.5 * DAY),
  });
  const file = await dir.write("ada.pem", cert);
  await using terminal = await Terminal.open(
    [Deno.execPath(), ...wssArgs(["cert", "--show", file], ["-R"])],
    { cwd: root, columns: 120, rows: 40 },
  );
  await terminal.seen("[exit 0]");
  const screen = await terminal.screen({ colors: true });
  assertStringIncludes(screen, "\x1b[33m5 days left");
});
