import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import config from "../deno.json" with { type: "json" };
import { temporaryDirectory } from "./_certs.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

interface Result {
  code: number;
  text: string;
}

async function run(
  program: string,
  args: string[],
  cwd: string,
  env = {},
): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test("the compile task makes a binary that greets, or says that its runtime cannot be had", async () => {
  await using dir = await temporaryDirectory();
  const { code, text } = await run(Deno.execPath(), ["task", "compile"], root);
  if (code === 0) {
    const seen: [string, string][] = [
      ["demo --port=0", "<<< Hello Ada!"],
      ["--version", `wss ${config.version}`],
      ["cert", "Kept certs/localhost.pem"],
      ["doctor --server certs", "localhost.pem"],
      ["connect --help", "Usage: wss connect"],
      ["serve --port=0 --cert=none.pem", "none.pem"],
      ["bench", "missing required argument"],
      ["greet --port=0", "--port 0"],
      ["completions bash", "complete -o default"],
      ["man", ".TH WSS 1"],
    ];
    for (const [args, text] of seen) {
      const ended = await run(`${root}dist/wss`, args.split(" "), dir.path);
      assertStringIncludes(ended.text, text);
    }
    return;
  }
  assertEquals(code, 1);
  assertStringIncludes(
    text,
    "error: the runtime for compiled programs could not be downloaded:",
  );
  assertStringIncludes(text, "DENORT_BIN=");
});

Deno.test("the compile task embeds the whole graph of modules", async () => {
  // With Deno itself as the runtime, the binary is made but does not run.
  const { code, text } = await run(Deno.execPath(), ["task", "compile"], root, {
    DENORT_BIN: Deno.execPath(),
  });
  assertEquals(code, 0, text);
  for (
    const part of [
      "server.ts",
      "client.ts",
      "certs/",
      "cli/",
      "doctor",
      "commander/",
      "deno.json",
      "x509/",
      "deno-std/",
    ]
  ) {
    assertStringIncludes(text, part);
  }
  await Deno.remove(`${root}dist/wss`);
});
