/**
 * Conversations of clients with something wrong in them, by the numbers of a
 * seed.
 *
 * @module
 */

/** Numbers that look random, the same ones for the same seed. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to below `sides`. */
  roll(sides: number): number {
    // Mulberry32, which is small and even enough.
    this.#state = this.#state + 0x6d2b79f5 >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ mixed >>> 15, mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) % sides;
  }

  /** One of these. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.roll(items.length)]!;
  }

  /** So many bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.roll(256));
  }
}

const encoder = new TextEncoder();

const WORDS = ["a", "seven", "ä", "€", "👋", "\0", "\u07ff", "\uffff", ""];
const CODES = [1000, 1001, 1003, 1007, 1011, 3000, 4999, 1005, 1006, 2000];
const LENGTHS = [0, 1, 2, 3, 7, 20, 124, 125, 126, 127, 300];

/** A conversation as it should be, as its frames. */
function conversation(dice: Dice): Uint8Array<ArrayBuffer>[] {
  const frames: Uint8Array<ArrayBuffer>[] = [];
  for (let left = 1 + dice.roll(6); left > 0; left--) {
    const kind = dice.roll(10);
    if (kind === 0) frames.push(frame(dice, 0x89, dice.bytes(dice.roll(126))));
    else if (kind === 1) {
      frames.push(frame(dice, 0x8a, dice.bytes(dice.roll(9))));
    } else frames.push(...message(dice));
  }
  if (dice.roll(2) === 0) frames.push(frame(dice, 0x88, goodbye(dice)));
  return frames;
}

function goodbye(dice: Dice): Uint8Array<ArrayBuffer> {
  if (dice.roll(4) === 0) return new Uint8Array();
  const code = CODES[dice.roll(dice.roll(4) === 0 ? CODES.length : 7)]!;
  return Uint8Array.of(code >> 8, code & 0xff, ...words(dice));
}

function words(dice: Dice): Uint8Array<ArrayBuffer> {
  const text = Array.from({ length: dice.roll(6) }, () => dice.pick(WORDS));
  return encoder.encode(text.join(" "));
}

/** A message in one frame, or in some, with a ping between. */
function message(dice: Dice): Uint8Array<ArrayBuffer>[] {
  const isText = dice.roll(2) === 0;
  const long = dice.roll(200) === 0 ? 65_535 + dice.roll(3) : undefined;
  const payload = isText ? words(dice) : dice.bytes(long ?? dice.pick(LENGTHS));
  const count = dice.roll(3) === 0 ? 1 + dice.roll(4) : 1;
  const frames: Uint8Array<ArrayBuffer>[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    const last = index === count - 1;
    const end = last ? payload.length : at + dice.roll(payload.length - at + 1);
    const opcode = index > 0 ? 0 : isText ? 1 : 2;
    const part = payload.subarray(at, end);
    frames.push(frame(dice, (last ? 0x80 : 0) | opcode, part));
    if (!last && dice.roll(4) === 0) {
      frames.push(frame(dice, 0x89, words(dice)));
    }
    at = end;
  }
  return frames;
}

/** A frame, masked by chance. */
function frame(
  dice: Dice,
  first: number,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const { length } = payload;
  const mask = dice.bytes(4);
  const head = length < 126
    ? [first, 0x80 | length]
    : length < 65_536
    ? [first, 0xfe, length >> 8, length & 0xff]
    : [
      first,
      0xff,
      0,
      0,
      0,
      0,
      0,
      length >> 16,
      length >> 8 & 0xff,
      length & 0xff,
    ];
  return Uint8Array.of(
    ...head,
    ...mask,
    ...payload.map((byte, index) => byte ^ mask[index % 4]!),
  );
}

/** What is done to the frames of a conversation. */
const TO_FRAMES: ((dice: Dice, frames: Uint8Array<ArrayBuffer>[]) => void)[] = [
  // Another opcode, or other bits.
  (dice, frames) => dice.pick(frames)[0] = dice.roll(256),
  (dice, frames) =>
    dice.pick(frames)[0]! ^= dice.pick([0x80, 0x40, 0x20, 0x10]),
  (dice, frames) => {
    const chosen = dice.pick(frames);
    chosen[0] = chosen[0]! & 0xf0 | dice.roll(16);
  },
  // No mask, or another length.
  (dice, frames) => dice.pick(frames)[1]! ^= 0x80,
  (dice, frames) => dice.pick(frames)[1] = 0x80 | dice.roll(128),
  (dice, frames) => dice.pick(frames)[1] = dice.pick([0xfe, 0xff, 0x80, 0x81]),
  // Another mask.
  (dice, frames) => {
    const chosen = dice.pick(frames);
    chosen[Math.min(chosen.length - 1, 2 + dice.roll(4))] = dice.roll(256);
  },
  // Twice, not at all, elsewhere.
  (dice, frames) => {
    const at = dice.roll(frames.length);
    frames.splice(dice.roll(frames.length + 1), 0, frames[at]!.slice());
  },
  (dice, frames) => void frames.splice(dice.roll(frames.length), 1),
  (dice, frames) => frames.push(...frames.splice(dice.roll(frames.length), 1)),
  // A length field that is longer than need be, or says anything.
  (dice, frames) => {
    const at = dice.roll(frames.length);
    const [first = 0, second = 0, ...rest] = frames[at]!;
    const field = dice.roll(2) === 0
      ? [...dice.bytes(8)]
      : [0, 0, 0, 0, 0, dice.roll(64), dice.roll(256), second & 0x7f];
    frames[at] = Uint8Array.of(first, 0xff, ...field, ...rest);
  },
  // Parts of others between.
  (dice, frames) => {
    const other = dice.pick(conversation(dice));
    frames.splice(
      dice.roll(frames.length + 1),
      0,
      other.slice(0, dice.roll(other.length + 1)),
    );
  },
];

/** What is done to the bytes of a conversation. */
const TO_BYTES: ((dice: Dice, bytes: number[]) => void)[] = [
  (dice, bytes) => bytes[dice.roll(bytes.length)]! ^= 1 << dice.roll(8),
  (dice, bytes) => bytes[dice.roll(bytes.length)] = dice.roll(256),
  (dice, bytes) => bytes.length = dice.roll(bytes.length + 1),
  (dice, bytes) => void bytes.splice(dice.roll(bytes.length), 1 + dice.roll(8)),
  (dice, bytes) =>
    void bytes.splice(
      dice.roll(bytes.length + 1),
      0,
      ...dice.bytes(1 + dice.roll(8)),
    ),
];

/** What a client says behind its handshake, in the parts that it writes. */
export function mutated(dice: Dice): Uint8Array<ArrayBuffer>[] {
  const frames = conversation(dice);
  const faults = dice.roll(8) === 0 ? 0 : 1 + dice.roll(3);
  const ofFrames = dice.roll(faults + 1);
  for (let left = ofFrames; left > 0 && frames.length > 0; left--) {
    dice.pick(TO_FRAMES)(dice, frames);
  }
  const bytes = frames.flatMap((frame) => [...frame]);
  for (let left = faults - ofFrames; left > 0 && bytes.length > 0; left--) {
    dice.pick(TO_BYTES)(dice, bytes);
  }
  return split(dice, Uint8Array.from(bytes));
}

function split(
  dice: Dice,
  bytes: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer>[] {
  const cuts = Array.from(
    { length: dice.roll(4) },
    () => dice.roll(bytes.length + 1),
  ).sort((one, other) => one - other);
  const starts = [0, ...cuts];
  return starts.map((start, index) =>
    bytes.subarray(start, starts[index + 1] ?? bytes.length)
  );
}
