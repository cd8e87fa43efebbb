import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Command } from "commander";
import config from "../../deno.json" with { type: "json" };
import { detailsOf } from "../../src/cli/command.ts";
import { EXIT_CODES, ExitCode } from "../../src/cli/exit_code.ts";
import { createProgram } from "../../src/cli/program.ts";
import { formatHelp } from "../../src/cli/meta/help.ts";
import { optionsOf } from "../../src/cli/meta/tree.ts";
import { noTerminal, Terminal } from "./_terminal.ts";
import { root, wss, wssArgs } from "./_wss.ts";
import { parseWss, shellWords } from "./_examples.ts";

const program = createProgram();
const all: Command[] = [program, ...program.commands];

Deno.test("wss --help fits a screen, and the help of each command does nearly", () => {
  for (const command of all) {
    const lines = formatHelp(command, { width: 80 }).split("\n");
    const most = command === program ? 24 : 30;
    assert(
      lines.length <= most,
      `${command.name()} --help has ${lines.length} lines`,
    );
    const wide = lines.filter((line) => line.length > 80);
    assertEquals(wide, [], command.name());
  }
});

Deno.test("formatHelp() keeps to the width down to 40 columns, but for words that are longer", () => {
  for (const command of all) {
    for (const width of [40, 51, 60, 100]) {
      const lines = formatHelp(command, { width, all: true }).split("\n");
      const wide = lines.filter((line) =>
        line.length > width &&
        !/^\s*(?:'[^']*'|"[^"]*"|\S)+(?: \\)?$/.test(line)
      );
      assertEquals(wide, [], `${command.name()} at ${width}`);
    }
  }
});

Deno.test("--help-all shows all options, notes, permissions and exit codes, --help what is mostly needed", () => {
  for (const command of program.commands) {
    const long = formatHelp(command, { width: 100, all: true });
    const short = formatHelp(command, { width: 100 });
    const options = optionsOf(command);
    for (const { flags } of options) assertStringIncludes(long, flags);
    for (const [flag] of detailsOf(command)?.permissions ?? []) {
      assertStringIncludes(long, flag);
    }
    for (const [code] of EXIT_CODES) assertStringIncludes(long, `\n  ${code} `);
    const hidden = options.filter(({ flags }) => !short.includes(`  ${flags}`));
    assert(hidden.length >= 2, command.name());
    assertStringIncludes(
      short,
      `--help-all shows all ${options.length} options, permissions and exit codes`,
    );
  }
});

Deno.test("every option of a command says what it is for, and its help has examples that it understands", () => {
  for (const command of all) {
    for (const option of optionsOf(command)) {
      assert(option.description !== "", `${command.name()} ${option.flags}`);
    }
    const examples = detailsOf(command)?.examples ?? [];
    assert(examples.length > 0, command.name());
    for (const [line] of examples) parseWss(shellWords(line));
  }
});

Deno.test("the exit codes of the help are all that there are", () => {
  const told = EXIT_CODES.map(([code]) => code);
  assertEquals(told, Object.values(ExitCode).sort((a, b) => a - b));
});

Deno.test("wss --version tells its own version and that of Deno, wss alone its help", async () => {
  const [version, alone, help, ofServe, serve] = await Promise.all([
    wss(["--version"]),
    wss([]),
    wss(["help"]),
    wss(["help", "serve"]),
    wss(["serve", "-h"]),
  ]);
  const line = `wss ${config.version} (Deno ${Deno.version.deno})\n`;
  assertEquals(version, { code: 0, out: line, err: "" });
  assertEquals(alone.code, 0);
  assertEquals(alone, help);
  assertStringIncludes(alone.out, "Usage: wss <command>");
  assertEquals(ofServe, serve);
  assertStringIncludes(serve.out, "Usage: wss serve");
});

Deno.test("what wss does not understand ends with 2, what was meant, and where there is help", async () => {
  const wrong: [string[], string][] = [
    [
      ["serv"],
      "error: unknown command 'serv'\n(Did you mean serve?)\nTry `wss --help`\n",
    ],
    [
      ["nosuch", "--help"],
      "error: unknown command 'nosuch'\nTry `wss --help`\n",
    ],
    [
      ["serve", "--orign=1"],
      "error: unknown option '--orign=1'\n(Did you mean --origin?)\nTry `wss serve --help`\n",
    ],
    [
      ["connect"],
      "error: missing required argument 'url'\nTry `wss connect --help`\n",
    ],
    [
      ["connect", "http://localhost"],
      "error: the URL of a WebSocket begins with ws://, not with http://\nTry `wss connect --help`\n",
    ],
    [
      ["serve", "--port=x\x1b[31m"],
      "error: option '--port <port>' argument 'x\\u001b[31m' is invalid. It must be a number from 0 to 65535.\nTry `wss serve --help`\n",
    ],
  ];
  await Promise.all(wrong.map(async ([args, err]) => {
    assertEquals(await wss(args), { code: 2, out: "", err });
  }));
  const { code, err } = await wss(["help", "sevre"]);
  assertEquals(code, 2);
  assertStringIncludes(err, 'there is no command "sevre"; there are cert,');
});

Deno.test(
  "help has bold headings at a terminal, unless NO_COLOR is set, and is as wide",
  {
    ignore: noTerminal,
  },
  async () => {
    const run = [Deno.execPath(), ...wssArgs(["serve", "--help"])];
    await using terminal = await Terminal.open(run, {
      columns: 60,
      rows: 60,
      cwd: root,
      env: { NO_COLOR: "" },
    });
    await terminal.seen("[exit 0]");
    const colored = await terminal.screen({ colors: true });
    assertStringIncludes(colored, "\x1b[1mUsage:");
    assertStringIncludes(colored, "\x1b[1mExamples:");
    // At 80 columns this is one line.
    const whole = "certificate chain (PEM) (default: certs/localhost.pem)";
    assert(!colored.includes(whole), colored);
    await using plain = await Terminal.open(run, {
      rows: 60,
      cwd: root,
      env: { NO_COLOR: "1" },
    });
    await plain.seen("[exit 0]");
    const text = await plain.screen({ colors: true });
    assertStringIncludes(text, whole);
    assert(!text.includes("\x1b["), text);
  },
);

/** The command lines of `wss` in the scripts of a page. */
function scriptLines(page: string): string[] {
  const blocks = [...page.matchAll(/```(?:sh|text)\n([^]*?)```/g)];
  return blocks.flatMap(([, block = ""]) => block.split("\n"))
    .map((line) => line.replace(/deno run .*jsr:@wss\/wss\/cli/, "wss"))
    .filter((line) => /(?:^|[|&\s])wss /.test(line))
    .filter((line) => !line.startsWith("deno install"));
}

/** Those in its text, which may lack arguments. */
function mentionedLines(page: string): string[] {
  const text = page.replace(/```[^]*?```/g, "");
  return [...text.matchAll(/`(wss [^`]+)`/g)]
    .map(([, code = ""]) => code.replaceAll("\\|", "|").replace(/\s+/g, " "))
    // Others have "wss" in their names, too.
    .filter((line) =>
      program.commands.some((command) => command.name() === line.split(" ")[1])
    );
}

Deno.test("the command lines in the documentation are such as wss understands", async () => {
  const pages = [`${root}README.md`];
  for await (const { name } of Deno.readDir(`${root}docs`)) {
    pages.push(`${root}docs/${name}`);
  }
  let count = 0;
  for (const path of pages) {
    const page = await Deno.readTextFile(path);
    for (const line of scriptLines(page)) parseWss(shellWords(line));
    for (const line of mentionedLines(page)) {
      parseWss(shellWords(line), { partly: true });
    }
    count += scriptLines(page).length;
  }
  assert(count > 30, `${count} command lines`);
});
