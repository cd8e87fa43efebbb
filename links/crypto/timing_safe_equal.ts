// deno-lint-ignore-file no-import-prefix
import * as crypto from "npm:deno-std@1.4.0/crypto/timing_safe_equal.js";

/** Compares bytes in constant time. */
export const timingSafeEqual: (
  a: ArrayBufferView | ArrayBufferLike | DataView,
  b: ArrayBufferView | ArrayBufferLike | DataView,
) => boolean = crypto.timingSafeEqual;
