/**
 * A real pseudo-terminal to drive programs in, as a person at a keyboard would:
 * tmux, with a server of its own for each.
 *
 * @module
 */

/** Whether there is no tmux to run in; under CI that fails instead. */
export const noTerminal: boolean = await lacksTmux();

async function lacksTmux(): Promise<boolean> {
  try {
    await new Deno.Command("tmux", { args: ["-V"] }).output();
    return false;
  } catch {
    if (Deno.env.get("CI") === "true") return false;
    console.log("Tests at a terminal are left out: there is no tmux");
    return true;
  }
}

/** Of a terminal. */
export interface TerminalOptions {
  columns?: number;
  rows?: number;
  cwd?: string;
  env?: Record<string, string>;
}

let count = 0;

/** A terminal in which one program runs. */
export class Terminal implements AsyncDisposable {
  readonly #socket: string;

  private constructor(socket: string) {
    this.#socket = socket;
  }

  /** Opens one and starts a program in it. When that ends, its exit code is shown as `[exit N]`. */
  static async open(
    command: readonly string[],
    { columns = 80, rows = 24, cwd, env = {} }: TerminalOptions = {},
  ): Promise<Terminal> {
    const terminal = new Terminal(`wss-test-${Deno.pid}-${++count}`);
    const line = `${
      command.map(shellQuoted).join(" ")
    }; echo "[exit $?]"; sleep 60`;
    await terminal.#tmux(
      "-f",
      "/dev/null",
      "new-session",
      "-d",
      "-x",
      `${columns}`,
      "-y",
      `${rows}`,
      ...Object.entries(env).flatMap(([name, value]) => [
        "-e",
        `${name}=${value}`,
      ]),
      ...cwd === undefined ? [] : ["-c", cwd],
      line,
    );
    return terminal;
  }

  /** Types text, as it is. */
  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-l", "--", text);
  }

  /** Presses keys by their names: `Enter`, `Up`, `C-c`, `BSpace`. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux("send-keys", ...keys);
  }

  /** Changes the size. */
  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux("resize-window", "-x", `${columns}`, "-y", `${rows}`);
  }

  /** What is on the screen, without the empty lines at its end. */
  async screen(
    { colors = false, history = false }: {
      colors?: boolean;
      history?: boolean;
    } = {},
  ): Promise<string> {
    const { out } = await this.#tmux(
      "capture-pane",
      "-p",
      ...colors ? ["-e"] : [],
      ...history ? ["-S", "-"] : [],
    );
    return out.trimEnd();
  }

  /** Waits until something is on the screen, and tells what the screen shows then. */
  async seen(what: RegExp | string, timeout = 10_000): Promise<string> {
    const deadline = performance.now() + timeout;
    while (true) {
      const screen = await this.screen();
      if (
        typeof what === "string" ? screen.includes(what) : what.test(screen)
      ) {
        return screen;
      }
      if (performance.now() > deadline) {
        throw new Error(`There is no ${what} on the screen:\n${screen}`);
      }
      await new Promise((later) => setTimeout(later, 30));
    }
  }

  async #tmux(...args: string[]): Promise<{ out: string }> {
    const { success, stdout, stderr } = await new Deno.Command("env", {
      // Colours are for a test to switch off, not for who runs it.
      args: ["-u", "NO_COLOR", "tmux", "-L", this.#socket, "-u", ...args],
      env: { LC_ALL: "C.UTF-8", TERM: "xterm-256color" },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(`tmux ${args[0]}: ${decoder.decode(stderr)}`);
    return { out: decoder.decode(stdout) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server").catch(() => {});
  }
}

function shellQuoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
