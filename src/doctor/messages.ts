/**
 * Whether messages are put together as they must be, of which nothing is kept.
 *
 * @module
 */

/** What a server does against the protocol. */
export class FrameFault extends Error {
  override readonly name = "FrameFault";
}

/** The opcodes of data (RFC 6455, section 5.2); the other is that of bytes. */
const CONTINUATION = 0x0;
const TEXT = 0x1;

/** The messages of one connection, frame by frame. */
export class Messages {
  #frames = 0;
  #open = false;
  /** Reads the text that is under way. */
  #text: TextDecoder | undefined;

  /** How many frames have come. */
  get frames(): number {
    return this.#frames;
  }

  /**
   * A frame begins (RFC 6455, section 5.4).
   *
   * @throws {FrameFault} If none like that may come.
   */
  begin(opcode: number): void {
    if ((opcode === CONTINUATION) !== this.#open) {
      throw new FrameFault(
        this.#open
          ? "the server begins a message before the last one has ended (RFC 6455, section 5.4)"
          : "the server goes on with a message that it has not begun (RFC 6455, section 5.4)",
      );
    }
    if (opcode === TEXT) {
      this.#text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    }
    this.#open = true;
  }

  /**
   * Some of its payload has come.
   *
   * @throws {FrameFault} If text is none (RFC 6455, section 8.1).
   */
  pass(bytes: Uint8Array, final = false): void {
    try {
      this.#text?.decode(bytes, { stream: !final });
    } catch {
      throw new FrameFault(
        "the server sends a text that is not UTF-8 (RFC 6455, section 8.1)",
      );
    }
  }

  /** It ends, and with the final one the message. */
  end(final: boolean): void {
    this.#frames++;
    if (!final) return;
    this.pass(new Uint8Array(), true);
    this.#open = false;
    this.#text = undefined;
  }
}
