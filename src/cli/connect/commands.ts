/**
 * What can be typed besides messages: a line that begins with a slash.
 *
 * @module
 */

import type { Connection } from "../../../client.ts";
import { messageOf, UsageError } from "../failure.ts";
import { flagOf } from "../permissions.ts";
import { shellLine } from "../shell_line.ts";
import type { Outgoing } from "./session.ts";

/** The commands, for completion. */
export const COMMANDS: readonly string[] = [
  "/binary ",
  "/close ",
  "/help",
  "/ping",
];

const HELP = `/ping                    how long an answer takes
/binary HEX or @FILE     send bytes
/close [code] [reason]   close the connection (1000)
/help                    this
//text                   send /text
Up, Down                 what was typed before (--history keeps it)
Tab                      completes a command
Ctrl-A, Ctrl-E           to the beginning, to the end
Ctrl-W, Ctrl-U, Ctrl-K   delete a word, to the beginning, to the end
Ctrl-D closes, Ctrl-C too, and ends at once the second time`;

/** What commands act on. */
export interface Shell {
  /** Shows a note. */
  say(text: string): void;
  /** Closes the connection. */
  end(code: number, reason: string): void;
}

/**
 * What a line that was typed asks for: a message, or something to be done when
 * what was typed before is sent. `undefined` if it is done already.
 */
export function readLine(line: string, shell: Shell): Outgoing | undefined {
  if (!line.startsWith("/")) return line;
  if (line.startsWith("//")) return line.slice(1);
  const [, name, rest = ""] = /^\/(\S*)\s*(.*)$/s.exec(line) ?? [];
  switch (name) {
    case "help":
      shell.say(HELP);
      return undefined;
    case "ping":
      return cautiously(shell, async (ws) => {
        shell.say(`answered in ${milliseconds(await ws.ping())}`);
      });
    case "close":
      return cautiously(shell, () => {
        const { code, reason } = readClose(rest);
        shell.end(code, reason);
        return Promise.resolve();
      });
    case "binary":
      return cautiously(shell, async (ws) => {
        const bytes = await readBytes(rest);
        await ws.send(bytes);
        shell.say(`sent ${bytes.length} bytes`);
      });
    default:
      shell.say(
        `there is no /${name}; /help shows what there is, //${name} is sent as /${name}`,
      );
      return undefined;
  }
}

/** Milliseconds as people read them. */
export function milliseconds(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0)} ms`;
}

/** What a mistake in a command means is told; the connection goes on. */
function cautiously(
  shell: Shell,
  action: (ws: Connection) => Promise<void>,
): Outgoing {
  return async (ws) => {
    try {
      await action(ws);
    } catch (error) {
      const isOurs = error instanceof TypeError ||
        error instanceof UsageError || error instanceof Deno.errors.NotCapable;
      if (!isOurs) throw error;
      shell.say(
        error instanceof TypeError
          ? "Cannot ping: --engine deno has no pings; --engine node has"
          : messageOf(error),
      );
    }
  };
}

/** Reads `[code] [reason]`; which codes may be sent is in RFC 6455, section 7.4. */
function readClose(text: string): { code: number; reason: string } {
  const [, digits, reason = ""] = /^(\d+)?\s*(.*)$/s.exec(text) ?? [];
  const code = Number(digits ?? 1000);
  const mayBe = code >= 1000 && code <= 1003 ||
    code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999;
  if (!mayBe) {
    throw new UsageError(
      "/close takes a code of 1000 to 1003, 1007 to 1014 or 3000 to 4999",
    );
  }
  if (new TextEncoder().encode(reason).length > 123) {
    throw new UsageError("/close takes a reason of at most 123 bytes");
  }
  return { code, reason };
}

/** The runtime cannot ask while what is typed is read here. */
async function seeThatItMayBeRead(path: string): Promise<void> {
  const permission = { name: "read", path } as const;
  const { state } = await Deno.permissions.query(permission);
  if (state === "granted") return;
  throw new UsageError(
    `/binary: to read ${path}, wss has to be run with ${
      shellLine([flagOf(permission)])
    }`,
  );
}

async function readBytes(text: string): Promise<Uint8Array<ArrayBuffer>> {
  if (text.startsWith("@")) {
    const path = text.slice(1);
    await seeThatItMayBeRead(path);
    try {
      const { isFile } = await Deno.stat(path);
      // What never ends would be read until there is no memory left.
      if (!isFile) throw new UsageError("it is no file");
      return await Deno.readFile(path);
    } catch (error) {
      throw new UsageError(`/binary: cannot read ${path}: ${messageOf(error)}`);
    }
  }
  const digits = text.replaceAll(/[\s:]|0x/g, "");
  if (digits === "" || digits.length % 2 > 0 || /[^\da-f]/i.test(digits)) {
    throw new UsageError(
      "/binary takes pairs of hexadecimal digits, such as 01 ff, or @FILE",
    );
  }
  return Uint8Array.fromHex(digits);
}
