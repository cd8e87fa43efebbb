import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { completions, type Shell } from "../../src/cli/meta/completions.ts";
import { optionsOf } from "../../src/cli/meta/tree.ts";
import { createProgram } from "../../src/cli/program.ts";
import { temporaryDirectory } from "../_certs.ts";
import { lacks } from "./_programs.ts";
import { noTerminal, Terminal } from "./_terminal.ts";
import { wss } from "./_wss.ts";

const SHELLS: readonly Shell[] = ["bash", "zsh", "fish"];
const program = createProgram();

/** A directory with the completions, a file and a directory to complete. */
async function place(shell: Shell) {
  const dir = await temporaryDirectory();
  await dir.write(`wss.${shell}`, completions(program, shell));
  await dir.write("mine.pem", "");
  await Deno.mkdir(`${dir.path}/pages`);
  return dir;
}

Deno.test("wss completions has all commands and options, for each shell, without any permission", async () => {
  await Promise.all(SHELLS.map(async (shell) => {
    const { code, out, err } = await wss(["completions", shell]);
    assertEquals([code, err], [0, ""]);
    assertEquals(out, `${completions(program, shell)}\n`);
    for (const command of program.commands) {
      assertStringIncludes(out, command.name());
      for (const { long = "" } of optionsOf(command)) {
        assertStringIncludes(out, shell === "fish" ? long.slice(2) : long);
      }
    }
  }));
  const { code, err } = await wss(["completions", "csh"]);
  assertEquals(code, 2);
  assertStringIncludes(err, "bash, zsh, fish");
});

/** Types a line with Tab behind each part, and tells what stands there then. */
async function complete(
  terminal: Terminal,
  parts: readonly (readonly [typed: string, shown: string])[],
): Promise<void> {
  // The prompt, on a screen that was cleared.
  await terminal.seen(/^>\s*$/);
  let line = "";
  for (const [typed, shown] of parts) {
    await terminal.type(typed);
    await terminal.press("Tab");
    line += shown;
    // The screen has no spaces at the end of a line.
    await terminal.seen(line.trimEnd());
  }
}

Deno.test(
  "bash completes commands, options, choices, files and directories, and no hosts",
  {
    ignore: noTerminal || lacks("bash"),
  },
  async () => {
    await using dir = await place("bash");
    await using terminal = await Terminal.open(
      ["bash", "--norc", "--noprofile", "-i"],
      { columns: 120, cwd: dir.path },
    );
    await terminal.type("PS1='> '; source ./wss.bash; clear\n");
    await complete(terminal, [
      ["wss ser", "wss serve "],
      ["--eng", "--engine "],
      ["no", "node "],
      ["--cert mi", "--cert mine.pem "],
      ["--static pa", "--static pages/"],
      [" --cert=mi", " --cert=mine.pem"],
    ]);
    await terminal.press("C-u");
    await complete(terminal, [["wss connect mi", "wss connect mi"]]);
    await terminal.type("X");
    await terminal.seen("wss connect miX");
  },
);

Deno.test(
  "zsh completes commands, options, choices, files and directories, and no hosts",
  {
    ignore: noTerminal || lacks("zsh"),
  },
  async () => {
    await using dir = await place("zsh");
    await using terminal = await Terminal.open(["zsh", "-f"], {
      columns: 120,
      cwd: dir.path,
    });
    await terminal.type(
      "PS1='> '; autoload -U compinit; compinit -D -u; source ./wss.zsh; clear\n",
    );
    await complete(terminal, [
      ["wss ser", "wss serve "],
      ["--eng", "--engine="],
      ["no", "node "],
      ["--cert mi", "--cert mine.pem "],
      ["--static pa", "--static pages/"],
    ]);
    await terminal.press("C-u");
    await complete(terminal, [["wss connect mi", "wss connect mi"]]);
    await terminal.type("X");
    await terminal.seen("wss connect miX");
  },
);

Deno.test(
  "fish completes commands, options, choices, files and directories, and no hosts",
  {
    ignore: lacks("fish"),
  },
  async () => {
    await using dir = await place("fish");
    await using home = await temporaryDirectory();
    const lines = [
      "wss ser",
      "wss serve --eng",
      "wss serve --engine ",
      "wss serve --cert mi",
      "wss serve --static ",
      "wss connect mi",
      "wss help doc",
    ];
    const script = lines.map((line) => `complete -C '${line}'; echo ==`);
    const { stdout } = await new Deno.Command("fish", {
      args: ["-N", "-c", `source wss.fish; ${script.join("; ")}`],
      cwd: dir.path,
      env: { HOME: home.path, XDG_CONFIG_HOME: home.path },
      stderr: "null",
    }).output();
    const offered = new TextDecoder().decode(stdout).split("==\n").map((text) =>
      text.split("\n").map((line) => line.split("\t")[0]).filter(Boolean)
    );
    assertEquals(offered, [
      ["serve"],
      ["--engine"],
      ["deno", "node"],
      ["mine.pem"],
      ["pages/"],
      [],
      ["doctor"],
      [],
    ]);
  },
);

Deno.test("the scripts for shells have no syntax that their shell does not know", async () => {
  for (const shell of SHELLS) {
    if (lacks(shell)) continue;
    await using dir = await place(shell);
    const { success, stderr } = await new Deno.Command(shell, {
      args: ["-n", `${dir.path}/wss.${shell}`],
      env: { HOME: dir.path },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
  }
});
