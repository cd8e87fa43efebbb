import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { connect } from "../mod.ts";
import { devCertificates } from "./_certs.ts";

Deno.test("the strict engine needs its address and its certificates, and no other permission", async () => {
  const { ca, dir } = await devCertificates();
  const files = {
    chainFile: `${dir}/localhost.pem`,
    caFile: `${dir}/ca.pem`,
  };
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      `--allow-read=${dir}`,
      fromFileUrl(new URL("programs/strict.ts", import.meta.url)),
      JSON.stringify(files),
    ],
    stdout: "piped",
  });
  await using program = command.spawn();
  const lines = program.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const url = (await lines.read()).value!.trim();
  await using ws = await connect(url, { caCerts: [ca] });
  assertEquals(await ws.receive(), "Hello stranger!");
  await lines.cancel();
});
