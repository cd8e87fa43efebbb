/**
 * Finds the blocks in a text of PEM (RFC 7468), also those with faults.
 *
 * @module
 */

/** A block of PEM, sound or not. */
export interface Block {
  readonly label: string;
  readonly number: number;
  readonly encrypted: boolean;
  /** Its base64, without white space; `undefined` if there is a fault. */
  readonly body: string | undefined;
  readonly fault: string;
}

/** The blocks of a text; what stands around them is a comment (RFC 7468, section 2). */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { label: string; lines: string[] } | undefined;
  const end = (fault?: string) => {
    if (open === undefined) return;
    const { label, lines } = open;
    blocks.push(readLines(label, blocks.length + 1, lines, fault));
    open = undefined;
  };
  for (const line of text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/)) {
    const [, edge, label = ""] =
      /^-----(BEGIN|END) ([A-Z0-9 .]{1,40})-----\s*$/.exec(line) ?? [];
    if (edge === "BEGIN") {
      end("has no end");
      open = { label, lines: [] };
    } else if (edge === "END") {
      end(open?.label === label ? undefined : `ends as ${label}`);
    } else open?.lines.push(line);
  }
  end("has no end");
  return blocks;
}

function readLines(
  label: string,
  number: number,
  lines: readonly string[],
  fault?: string,
): Block {
  const encrypted = label === "ENCRYPTED PRIVATE KEY" ||
    lines.some((line) => /^Proc-Type:.*ENCRYPTED/.test(line));
  const text = lines.filter((line) => !line.includes(":")).join("");
  const body = text.replace(/\s/g, "");
  const state = fault ??
    (body === "" ? "is empty" : isBase64(body) ? undefined : "is not base64");
  return {
    label,
    number,
    encrypted,
    body: state === undefined ? body : undefined,
    fault: state ?? "",
  };
}

function isBase64(text: string): boolean {
  try {
    Uint8Array.fromBase64(text);
    return true;
  } catch {
    return false;
  }
}

/** A block that has no faults. */
export function pemOf(label: string, body: string): string {
  const lines = body.replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
